/** Keeps tables fast to read: a few bounded steps at the end of a load. What it does not get to, a later load does. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { TABLES, type Table } from '../../schemas/tables.js'
import { AuditError } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { rowsIn } from '../shared/parquet-rows.js'
import type { Add } from './actions.js'
import { CHECKPOINT_EVERY, writeCheckpoint } from './checkpoint.js'
import { type Author, type Changed, newFile, type Part, publish, stage } from './commit.js'
import { listLog, readOn, writeCommit } from './log.js'
import { partitionOf, type Snapshot } from './snapshot.js'
import type { Tables } from './tables.js'

/** How long files of older versions are kept for readers. */
const RETENTION_MS = 7 * 86_400_000
/** Versions can be read for this long, as with other writers. */
const LOG_RETENTION_MS = 30 * 86_400_000
/** A partition with more small files than this is made one. */
const MOST_SMALL = 10
const SMALL_BYTES = 16 << 20
/** Bounds what one load reads and writes again. */
const MOST_BYTES = 256 << 20
const MOST_REMOVALS = 100

/**
 * Looks at all tables: a load may not touch for years what an erasure has replaced.
 *
 * @param engine for what is read and written
 * @param folder receives new files
 */
export async function maintain(
  tables: Tables,
  engine: DuckDBConnection,
  author: Author,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  for (const table of TABLES) {
    const before = await tables.current(table, signal)
    const isCompacted = await compact(tables, engine, table, before, author, folder)
    const newest = isCompacted ? await tables.current(table, signal) : before
    if (newest.version - newest.checkpoint < CHECKPOINT_EVERY && expiredIn(newest).length === 0) continue
    const snapshot = newest.version === newest.checkpoint ? await committedOn(tables, table, newest, signal) : newest
    const kept = await vacuumed(tables, table, snapshot, signal)
    await writeCheckpoint(tables, table, kept, signal)
    await tables.keep(table, { ...kept, checkpoint: kept.version })
    if (!isSet(kept, LOG_PROPERTIES)) await cleanLog(tables, table, kept.version, signal)
  }
}

/** By these the table's owner decides what is removed, and leaves it to an engine. */
const FILE_PROPERTIES = ['delta.deletedFileRetentionDuration']
const LOG_PROPERTIES = ['delta.logRetentionDuration', 'delta.enableExpiredLogCleanup']

const isSet = ({ metaData }: Snapshot, properties: readonly string[]): boolean =>
  properties.some((property) => typeof metaData?.configuration?.[property] === 'string')

/** Makes the small files of the partition that has most of them one. Its rows stay as they are. */
async function compact(
  tables: Tables,
  engine: DuckDBConnection,
  table: Table,
  before: Snapshot,
  author: Author,
  folder: string,
): Promise<boolean> {
  const small = new Map<string | null, string[]>()
  for (const [key, file] of before.files)
    if (file.size < SMALL_BYTES) small.set(partitionOf(file), [...(small.get(partitionOf(file)) ?? []), key])
  const [fullest] = [...small].sort(([, one], [, other]) => other.length - one.length)
  if (fullest === undefined || fullest[1].length <= MOST_SMALL) return false
  const [partition, keys] = fullest
  const part: Part<void> = {
    // What others add stays beside the new file.
    mayMeet: () => false,
    async stage({ files }, signal): Promise<Changed<void>> {
      const removed = within(keys.map((key) => files.get(key)).filter((file) => file !== undefined))
      if (removed.length < 2) return { added: [], removed: [], outcome: undefined }
      const rows = rowsIn(table, await tables.copies(table, removed, signal))
      const [[expected] = []] = (await engine.runAndReadAll(`SELECT count(*) FROM (${rows})`)).getRows()
      const select = `FROM (${rows}) ORDER BY ${table.key.map(DUCKDB.quote).join(', ')}`
      const file = await newFile(tables, engine, table, select, folder, partition)
      if (file.rows !== Number(expected))
        throw new AuditError(
          `${tables.lake.id}: compacting ${table.name} gave ${file.rows} rows instead of ${expected}; the files stay as they are`,
          { advice: 'Please report this.' },
        )
      return { added: [file], removed, outcome: undefined }
    },
  }
  await publish(tables, await stage(tables, table, [part], NEVER_ABORTED), author, 'OPTIMIZE')
  return true
}

function within(files: readonly Add[]): Add[] {
  let bytes = 0
  return files.filter(({ size }) => {
    bytes += size
    return bytes <= MOST_BYTES
  })
}

/** Keys of files that no version of the last days needs; no more than one load removes. */
function expiredIn(snapshot: Snapshot): string[] {
  if (isSet(snapshot, FILE_PROPERTIES)) return []
  const oldest = Date.now() - RETENTION_MS
  const expired = [...snapshot.removed].filter(([, { deletionTimestamp }]) => (deletionTimestamp ?? oldest) < oldest)
  return expired.slice(0, MOST_REMOVALS).map(([key]) => key)
}

/** A version that has no checkpoint yet: readers may be at the one that is there. */
async function committedOn({ lake }: Tables, table: Table, snapshot: Snapshot, signal: AbortSignal): Promise<Snapshot> {
  const commitInfo = {
    timestamp: Date.now(),
    operation: 'VACUUM END',
    operationParameters: {},
    engineInfo: 'wandb-audit',
  }
  await writeCommit(lake, table, snapshot.version + 1, [{ commitInfo }], signal)
  return (await readOn(lake, table, snapshot, signal)).snapshot
}

/** Removes files that no version of the last days needs. The snapshot returned no longer knows them. */
async function vacuumed({ lake }: Tables, table: Table, snapshot: Snapshot, signal: AbortSignal): Promise<Snapshot> {
  const removed = new Map(snapshot.removed)
  for (const key of expiredIn(snapshot)) {
    await lake.store.remove(`${lake.prefix}${table.name}/${key}`, signal)
    removed.delete(key)
  }
  const oldest = Date.now() - RETENTION_MS
  const txns = new Map([...snapshot.txns].filter(([, { lastUpdated }]) => (lastUpdated ?? oldest) >= oldest))
  return { ...snapshot, removed, txns }
}

/** Removes commits and checkpoints that are older than the last checkpoint before the retention. */
async function cleanLog({ lake }: Tables, table: Table, version: number, signal: AbortSignal): Promise<void> {
  const { commits, checkpoints } = await listLog(lake, table, 0, signal)
  const isOld = (at: { readonly lastModified: Date }): boolean =>
    at.lastModified.getTime() < Date.now() - LOG_RETENTION_MS
  const whole = [...checkpoints].filter(([of, parts]) => of < version && parts.every(isOld)).map(([of]) => of)
  const cut = Math.max(-1, ...whole)
  const superseded = [
    ...[...checkpoints].filter(([of]) => of < cut).flatMap(([, parts]) => parts),
    ...[...commits].filter(([of]) => of < cut).map(([, commit]) => commit),
  ].filter(isOld)
  for (const { key } of superseded.slice(0, MOST_REMOVALS)) await lake.store.remove(key, signal)
}
