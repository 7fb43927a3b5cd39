/**
 * Receipts, loads, rejects and conflicts, kept in our own files as log-structured journals. Each commit adds one file; eight files
 * of a level are merged into one of the next, so years of loads are a few dozen files and a row is rewritten at most six times.
 */

import { join } from 'node:path'
import { DUCKDB } from '../../schemas/ddl.js'
import {
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  type Table,
} from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { plainRows, refuseUnknown, rowsIn } from './files.js'
import type { JournalName, Manifest } from './manifest.js'
import { downloadAll, upload, type Zone } from './zone.js'

const FAN_IN = 8

export const JOURNAL_TABLES: Readonly<Record<JournalName, Table>> = {
  audit_documents: AUDIT_DOCUMENTS,
  audit_loads: AUDIT_LOADS,
  audit_rejects: AUDIT_REJECTS,
  audit_reject_pieces: AUDIT_REJECT_PIECES,
  audit_conflicts: AUDIT_CONFLICTS,
}

/** The column that picks the current row of a key: a document's last receipt, a conflict's largest number of events. */
const NEWEST: Readonly<Partial<Record<JournalName, string>>> = {
  audit_documents: 'loaded_at',
  audit_conflicts: 'events',
}

/** A clause behind a SELECT of a journal's rows that keeps one row per key. */
export function eachOnce(name: JournalName): string {
  const newest = NEWEST[name]
  const key = JOURNAL_TABLES[name].key.map(DUCKDB.quote).join(', ')
  return newest === undefined ? '' : `QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY ${newest} DESC) = 1`
}

type Journal = Manifest['journals'][JournalName]

/**
 * Downloads a journal. Returns a relation with its rows; null when a file was replaced meanwhile.
 *
 * @param folder receives the files
 */
export async function journalRows(
  zone: Zone,
  name: JournalName,
  journal: Journal,
  folder: string,
  signal: AbortSignal,
): Promise<string | null> {
  const paths = journal.map(({ file }) => file)
  const files = await downloadAll(zone, paths, folder, signal)
  return files === null ? null : rowsIn(JOURNAL_TABLES[name], files)
}

/** The same, for rows that will be written again: throws when a file has a column that this version does not know. */
export async function rewritableRows(
  zone: Zone,
  name: JournalName,
  journal: Journal,
  { engine, folder }: Batch,
  signal: AbortSignal,
): Promise<string | null> {
  const paths = journal.map(({ file }) => file)
  const files = await downloadAll(zone, paths, folder, signal)
  if (files === null) return null
  await refuseUnknown(zone.id, engine, JOURNAL_TABLES[name], files)
  return rowsIn(JOURNAL_TABLES[name], files)
}

/** A journal with one more file, merged into as few files as possible. Null when a file was replaced meanwhile. */
export async function extended(
  zone: Zone,
  name: JournalName,
  journal: Journal,
  file: string,
  batch: Batch,
  signal: AbortSignal,
): Promise<Journal | null> {
  const longer = [...journal, { file, level: 0 }]
  const { from, level } = merging(longer.map((part) => part.level))
  if (from === longer.length) return longer
  const rows = await rewritableRows(zone, name, longer.slice(from), batch, signal)
  if (rows === null) return null
  const merged = `${file.slice(0, -'.parquet'.length)}-${level}.parquet`
  const local = join(batch.folder, merged.replaceAll('/', '-'))
  await writeParquet(zone.id, batch.engine, plainRows(JOURNAL_TABLES[name], `${rows} ${eachOnce(name)}`), local)
  await upload(zone, merged, { file: local }, 'absent', signal)
  return [...longer.slice(0, from), { file: merged, level }]
}

/** The index from which files are merged into one, and its level. The newest file is last, and levels fall towards it. */
export function merging(levels: readonly number[]): { readonly from: number; readonly level: number } {
  let from = levels.length
  for (let level = 0; ; level++) {
    // The lower levels together count as one more file of this one.
    const first = from - (level === 0 ? FAN_IN : FAN_IN - 1)
    if (first < 0 || levels.slice(first, from).some((each) => each !== level)) return { from, level }
    from = first
  }
}
