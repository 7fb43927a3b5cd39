/** The tables of a lake in their newest versions, and local copies of their files. */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AUDIT_ACTIONS, AUDIT_EVENTS, type Table } from '../../schemas/tables.js'
import { AuditError } from '../../src/errors.js'
import { eventPlaces } from '../shared/file-places.js'
import type { Lake } from '../shared/lake.js'
import type { TableFiles } from '../shared/lake-query.js'
import { copyName } from '../shared/parquet-rows.js'
import { type Add, keyIn, lossAdvice } from './actions.js'
import { readOn, readSnapshot } from './log.js'
import { requireReadable } from './schema.js'
import { partitionOf, type Snapshot } from './snapshot.js'

export interface Tables extends TableFiles {
  readonly lake: Lake
  /** The newest version. */
  current(table: Table, signal: AbortSignal): Promise<Snapshot>
  /** Records a version that was read or written elsewhere as the newest. Copies of files that it has no more are removed. */
  keep(table: Table, snapshot: Snapshot): Promise<void>
  /** Reads all logs anew when they are next needed. */
  forget(): void
  /** Local copies, which stay until their files are replaced, or `release` or `remove`. */
  copies(table: Table, files: readonly Add[], signal: AbortSignal): Promise<string[]>
  /** Removes the local copies of a table's files. */
  release(table: Table): Promise<void>
  /** The UTC days with events, ordered. */
  days(signal: AbortSignal): Promise<string[]>
  /** The folder that the copies are in; created on first use. */
  folder(): Promise<string>
  remove(): Promise<void>
}

export const EVENT_PLACES = eventPlaces('(\\d{4}-\\d\\d-\\d\\d)\\.[0-9a-f-]{36}\\.[^/]*$')

/** Concurrent requests. */
const FETCHES = 8
/** A reader whose file is gone reads the log again, which names its successor. */
const MOST_LOOKS = 5

/** For a table that was removed, or did not exist when the others were made. */
export const missing = ({ id }: Lake, table: Table): AuditError =>
  new AuditError(`${id}: there is no table ${table.name}`, {
    advice: 'Load with this version once, which creates it.',
    outside: true,
  })

export function tablesIn(lake: Lake): Tables {
  const known = new Map<string, Snapshot>()
  let made: Promise<string> | undefined
  const folder = (): Promise<string> => {
    made ??= lake.scratch().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
  /** By table, then by key. */
  const copiesOf = new Map<string, Map<string, Promise<string | null>>>()

  async function current(table: Table, signal: AbortSignal): Promise<Snapshot> {
    const before = known.get(table.name)
    const snapshot =
      before === undefined
        ? await readSnapshot(lake, table, await folder(), signal)
        : (await readOn(lake, table, before, signal)).snapshot
    requireReadable(lake.id, table, snapshot)
    known.set(table.name, snapshot)
    return snapshot
  }

  /** The copy's name begins with the day of its events, which the log has and the path may not. */
  async function fetched(key: string, day: string | null, signal: AbortSignal): Promise<string | null> {
    const copy = join(await folder(), copyName(`${day === null ? '' : `${day}.`}${randomUUID()}`, key))
    const object = await lake.store.find(lake.prefix + key, signal)
    return object !== null && (await lake.fetch(object, copy, signal)) ? copy : null
  }

  /** Fetches a file once, however many ask for it at the same time. Null when it is gone. */
  async function copied(table: Table, file: Add, signal: AbortSignal): Promise<string | null> {
    const key = keyIn(lake.id, file.path)
    const there = copiesOf.get(table.name) ?? new Map<string, Promise<string | null>>()
    copiesOf.set(table.name, there)
    const copy = there.get(key) ?? fetched(`${table.name}/${key}`, partitionOf(file), signal)
    there.set(key, copy)
    try {
      const local = await copy
      if (local === null) there.delete(key)
      return local
    } catch (error) {
      there.delete(key)
      throw error
    }
  }

  async function release(table: Table, isKept: (key: string) => boolean): Promise<void> {
    for (const [key, copy] of copiesOf.get(table.name) ?? []) {
      if (isKept(key)) continue
      copiesOf.get(table.name)?.delete(key)
      const path = await copy.catch(() => null)
      if (path !== null) await rm(path, { force: true })
    }
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
      advice: `Another program removed it, or VACUUM ran with too short a retention. ${lossAdvice(table)}`,
      outside: true,
    })

  return {
    lake,
    relations: [EVENT_PLACES],
    current,
    folder,
    release: (table) => release(table, () => false),

    async keep(table, snapshot) {
      known.set(table.name, snapshot)
      await release(table, (key) => snapshot.files.has(key))
    },

    forget: () => known.clear(),

    async copies(table, files, signal) {
      const copies = await allCopied(table, files, signal)
      if (copies === null) throw gone(table)
      return copies
    },

    async filesOf(table, signal, days) {
      for (let look = 0; look < MOST_LOOKS; look++) {
        const { version, files } = await current(table, signal)
        if (version < 0 && (await current(AUDIT_ACTIONS, signal)).version >= 0) throw missing(lake, table)
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
