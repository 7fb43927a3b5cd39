/** The tables of a lake in their newest versions, and local copies of their files. */

import { createHash } from 'node:crypto'
import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AUDIT_EVENTS, type Table } from '../../schemas/tables.js'
import { AuditError, printable } from '../../src/errors.js'
import type { Lake } from '../shared/lake.js'
import type { TableFiles } from '../shared/lake-query.js'
import { copyName } from '../shared/parquet-rows.js'
import { type Add, keyIn } from './actions.js'
import { readOn, readSnapshot } from './log.js'
import { requireReadable } from './schema.js'
import { partitionOf, type Snapshot } from './snapshot.js'

export interface Tables extends TableFiles {
  readonly lake: Lake
  /** The newest version. */
  current(table: Table, signal: AbortSignal): Promise<Snapshot>
  /** Takes a version that was read or written elsewhere for the newest one. */
  keep(table: Table, snapshot: Snapshot): void
  /** Reads all logs anew when they are next needed. */
  forget(): void
  /** Local copies, which stay until `remove`. */
  copies(table: Table, files: readonly Add[], signal: AbortSignal): Promise<string[]>
  /** The UTC days with events, ordered. */
  days(signal: AbortSignal): Promise<string[]>
  /** The folder that the copies are in; created on first use. */
  folder(): Promise<string>
  remove(): Promise<void>
}

/** Concurrent requests. */
const FETCHES = 8
/** A reader whose file is gone reads the log again, which names its successor. */
const MOST_LOOKS = 5

export function tablesIn(lake: Lake): Tables {
  const known = new Map<string, Snapshot>()
  let made: Promise<string> | undefined
  const folder = (): Promise<string> => {
    made ??= lake.scratch()
    return made
  }

  async function current(table: Table, signal: AbortSignal): Promise<Snapshot> {
    const before = known.get(table.name)
    const snapshot =
      before === undefined
        ? await readSnapshot(lake, table, await folder(), signal)
        : (await readOn(lake, table, before, signal)).snapshot
    const { protocol, metaData, version } = snapshot
    if (protocol !== null && metaData !== null) requireReadable(`${lake.id}: ${table.name}`, table, protocol, metaData)
    else if (version >= 0) throw new AuditError(`${lake.id}: ${table.name}: its log has no metadata`, { outside: true })
    known.set(table.name, snapshot)
    return snapshot
  }

  /** Null when it is gone. */
  async function copied(table: Table, { path }: Add, signal: AbortSignal): Promise<string | null> {
    const key = `${table.name}/${keyIn(lake.id, path)}`
    const copy = join(await folder(), copyName(createHash('sha256').update(key).digest('hex'), key))
    const isThere = await access(copy).then(
      () => true,
      () => false,
    )
    if (isThere) return copy
    const object = await lake.store.find(lake.prefix + key, signal)
    return object !== null && (await lake.fetch(object, copy, signal)) ? copy : null
  }

  /** Null when one of them is gone. */
  async function allCopied(table: Table, files: readonly Add[], signal: AbortSignal): Promise<string[] | null> {
    const copies: (string | null)[] = []
    const waiting = files.entries()
    const copyRest = async (): Promise<void> => {
      for (const [i, file] of waiting) copies[i] = await copied(table, file, signal)
    }
    await Promise.all(Array.from({ length: FETCHES }, copyRest))
    const there = copies.filter((copy) => copy !== null)
    return there.length === files.length ? there : null
  }

  const gone = (table: Table): AuditError =>
    new AuditError(`${lake.id}: ${table.name}: a file that its log names is not there`, {
      advice: `Somebody removed it, or VACUUM ran with too short a retention. Restore it, or remove ${printable(table.name)} and load again.`,
      outside: true,
    })

  return {
    lake,
    current,
    folder,
    keep: (table, snapshot) => known.set(table.name, snapshot),
    forget: () => known.clear(),

    async copies(table, files, signal) {
      const copies = await allCopied(table, files, signal)
      if (copies === null) throw gone(table)
      return copies
    },

    async filesOf(table, signal, days) {
      for (let look = 0; look < MOST_LOOKS; look++) {
        const { files } = await current(table, signal)
        const wanted = [...files.values()].filter((file) => days === undefined || days.has(partitionOf(file) ?? ''))
        const copies = await allCopied(table, wanted, signal)
        if (copies !== null) return copies
      }
      throw gone(table)
    },

    async days(signal) {
      const { files } = await current(AUDIT_EVENTS, signal)
      return [...new Set([...files.values()].map((file) => partitionOf(file) ?? ''))].sort()
    },

    async remove() {
      if (made !== undefined) await rm(await made, { recursive: true, force: true })
    },
  }
}
