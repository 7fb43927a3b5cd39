/**
 * Commits changes of a table. A change has parts, of the events one for each day: when somebody else's commit was faster, only
 * the parts that may meet its rows are redone. docs/decisions/delta-lake.md
 */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Table } from '../../schemas/tables.js'
import { writeParquetWithStatistics } from '../../src/duckdb/parquet.js'
import { interrupted } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { contended, MOST_ATTEMPTS } from '../shared/lake.js'
import { type Action, type Add, keyIn, type Txn } from './actions.js'
import { readOn, writeCommit } from './log.js'
import { PARTITION, requireOurs } from './schema.js'
import { advanced, type Snapshot } from './snapshot.js'
import { statisticsOf } from './statistics.js'
import { missing, type Tables } from './tables.js'

/** A data file that is not in the table yet. */
export interface NewFile {
  readonly local: string
  readonly add: Add
  readonly rows: number
}

export interface Changed<T> {
  readonly added: readonly NewFile[]
  readonly removed: readonly Add[]
  readonly outcome: T
}

export interface Part<T> {
  /** Whether the part has to be redone when somebody else adds this file: it may hold rows that the part looks for. */
  mayMeet(file: Add): boolean
  /** Writes local files, and nothing to the lake. */
  stage(snapshot: Snapshot, signal: AbortSignal): Promise<Changed<T>>
}

export interface Staged<T> {
  readonly table: Table
  readonly parts: readonly Part<T>[]
  readonly over: Snapshot
  readonly changed: readonly Changed<T>[]
}

/** Identifies a load's commits, so that one whose response was lost can be recognized. */
export interface Author {
  readonly id: string
  next(): number
}

export function authorOf(id: string): Author {
  let commits = 0
  return { id: `wandb-audit ${id}`, next: () => ++commits }
}

/** Writes rows to a local file, as a new file of the table. */
export async function newFile(
  tables: Tables,
  engine: DuckDBConnection,
  table: Table,
  select: string,
  folder: string,
  partition: string | null = null,
): Promise<NewFile> {
  const name = `${randomUUID()}.parquet`
  const local = join(folder, name)
  const written = await writeParquetWithStatistics(tables.lake.id, engine, select, local)
  const add = {
    path: `${partition === null ? '' : `${PARTITION}=${partition}/`}part-${name}`,
    partitionValues: partition === null ? {} : { [PARTITION]: partition },
    size: written.bytes,
    modificationTime: Date.now(),
    dataChange: true,
    stats: statisticsOf(table, written),
  }
  return { local, add, rows: written.rows }
}

/**
 * The newest version of a table.
 *
 * @throws AuditError when there is no such table, or this version may not write to it
 */
export async function writable(tables: Tables, table: Table, signal: AbortSignal): Promise<Snapshot> {
  const snapshot = await tables.current(table, signal)
  if (snapshot.version < 0) throw missing(tables.lake, table)
  requireOurs(tables.lake.id, table, snapshot)
  return snapshot
}

export async function stage<T>(
  tables: Tables,
  table: Table,
  parts: readonly Part<T>[],
  signal: AbortSignal,
): Promise<Staged<T>> {
  const over = await writable(tables, table, signal)
  const changed = []
  for (const part of parts) {
    if (signal.aborted) throw interrupted()
    changed.push(await part.stage(over, signal))
  }
  return { table, parts, over, changed }
}

/**
 * Writes the new files, and then the commit that makes them part of the table, all at once. What has begun is finished: an abort
 * is ignored.
 *
 * @param onStagedAgain called with the outcomes of all parts after some were redone, before they are written
 * @returns the outcomes of the parts that were committed
 */
export async function publish<T>(
  tables: Tables,
  staged: Staged<T>,
  author: Author,
  operation: Operation,
  onStagedAgain?: (outcomes: readonly T[]) => Promise<void>,
): Promise<T[]> {
  const { table, parts } = staged
  let { over } = staged
  const changed = [...staged.changed]
  const written = new Set<NewFile>()
  const txn = { appId: author.id, version: author.next() }
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const added = changed.flatMap((part) => part.added)
    const removed = changed.flatMap((part) => part.removed)
    if (added.length + removed.length === 0) return changed.map(({ outcome }) => outcome)
    for (const file of added) if (!written.has(file)) await upload(tables, table, file)
    for (const file of added) written.add(file)
    const actions = actionsOf(operation, txn, added, removed)
    const done = await committed(tables, table, over, actions, txn)
    await tables.keep(table, done.snapshot)
    if (done.isOurs) {
      for (const { local } of added) await rm(local, { force: true })
      return changed.map(({ outcome }) => outcome)
    }
    over = done.snapshot
    requireOurs(tables.lake.id, table, over)
    let isAgain = false
    for (const [i, part] of parts.entries()) {
      if (!isTouched(tables.lake.id, part, changed[i]?.removed ?? [], done.commits.flat())) continue
      isAgain = true
      const before = changed[i]
      changed[i] = await part.stage(over, NEVER_ABORTED)
      for (const file of before?.added ?? []) await withdraw(tables, table, file)
    }
    if (isAgain) await onStagedAgain?.(changed.map(({ outcome }) => outcome))
  }
  throw contended(tables.lake, `committing to ${table.name} first`)
}

async function upload({ lake }: Tables, table: Table, { local, add }: NewFile): Promise<void> {
  await lake.store.write(`${lake.prefix}${table.name}/${add.path}`, { file: local }, 'absent', NEVER_ABORTED)
}

/** No commit names the file, and none will. */
async function withdraw({ lake }: Tables, table: Table, { local, add }: NewFile): Promise<void> {
  await rm(local, { force: true })
  await lake.store.remove(`${lake.prefix}${table.name}/${add.path}`, NEVER_ABORTED)
}

/** What the commit does, in other writers' terms; OPTIMIZE changes no row. */
export type Operation = 'MERGE' | 'WRITE' | 'UPDATE' | 'OPTIMIZE'

function actionsOf(operation: Operation, txn: Txn, added: readonly NewFile[], removed: readonly Add[]): Action[] {
  const now = Date.now()
  const dataChange = operation !== 'OPTIMIZE'
  return [
    {
      commitInfo: {
        timestamp: now,
        operation,
        operationParameters: {},
        isBlindAppend: false,
        engineInfo: 'wandb-audit',
      },
    },
    { txn: { ...txn, lastUpdated: now } },
    ...removed.map(({ path, partitionValues, size, stats }) => ({
      remove: {
        path,
        deletionTimestamp: now,
        dataChange,
        extendedFileMetadata: true,
        partitionValues,
        size,
        ...(stats === undefined || stats === null ? {} : { stats }),
      },
    })),
    ...added.map(({ add }) => ({ add: { ...add, dataChange } })),
  ]
}

interface Committed {
  readonly isOurs: boolean
  readonly snapshot: Snapshot
  /** Those since `over`, unless the commit was the first of them. */
  readonly commits: readonly (readonly Action[])[]
}

async function committed(
  tables: Tables,
  table: Table,
  over: Snapshot,
  actions: readonly Action[],
  txn: Txn,
): Promise<Committed> {
  const { lake } = tables
  const written = await writeCommit(lake, table, over.version + 1, actions, NEVER_ABORTED).catch(
    async (error: unknown) => {
      // Its answer may be all that was lost.
      const { commits } = await readOn(lake, table, over, NEVER_ABORTED).catch(() => ({ commits: [] }))
      if (commits.some((commit) => isBy(txn, commit))) return false
      throw error
    },
  )
  const who = `${lake.id}: ${table.name}`
  if (written) return { isOurs: true, snapshot: advanced(who, over, [actions]), commits: [] }
  const { snapshot, commits } = await readOn(lake, table, over, NEVER_ABORTED)
  return { isOurs: commits.some((commit) => isBy(txn, commit)), snapshot, commits }
}

const isBy = ({ appId, version }: Txn, commit: readonly Action[]): boolean =>
  commit.some(({ txn }) => txn?.appId === appId && txn.version === version)

/** @param removed the files that the part replaces */
function isTouched<T>(who: string, part: Part<T>, removed: readonly Add[], commits: readonly Action[]): boolean {
  // Writers differ in how they encode the path of a file.
  const keys = new Set(removed.map(({ path }) => keyIn(who, path)))
  return commits.some(
    ({ add, remove, metaData, protocol }) =>
      isThere(metaData) ||
      isThere(protocol) ||
      (isThere(add) && part.mayMeet(add)) ||
      (isThere(remove) && keys.has(keyIn(who, remove.path))),
  )
}

const isThere = <T>(action: T | null | undefined): action is T => action !== undefined && action !== null
