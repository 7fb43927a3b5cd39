/** The database file: checks before DuckDB opens it, and errors when it cannot. */

import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { duckdbError } from '../../src/duckdb/errors.js'
import { AuditError } from '../../src/errors.js'

/**
 * The newest format that DuckDB 1.4 (long-term support) and later can read; writing it is faster than writing the oldest.
 * https://duckdb.org/docs/stable/internals/storage
 */
const FORMAT_OF_NEW_FILES = "STORAGE_VERSION 'v1.4.0'"

export const READING = 'READ_ONLY'

/** Naming a format would upgrade an older file, and the program that made it could no longer open it. */
export const writing = (file: string): string => (existsSync(file) ? 'READ_WRITE' : FORMAT_OF_NEW_FILES)

const MAGIC_AT = 8
const MAGIC = 'DUCK'

/** Magic bytes of files that people mistake for a database. */
const OTHERS: readonly (readonly [begin: string, what: string])[] = [
  ['SQLite format 3\0', 'an SQLite database'],
  ['PAR1', 'a Parquet file'],
  ['\x1f\x8b', 'a gzip file'],
  ['\x28\xb5\x2f\xfd', 'a zstd file'],
  ['PK\x03\x04', 'a zip file'],
  ['{', 'a file of JSON'],
]

/**
 * Checked here because DuckDB would try to fetch an extension for the other format.
 *
 * @throws AuditError saying what the file is; an unreadable file is left to DuckDB
 */
export function mustBeDuckDB(id: string, file: string): void {
  const what = whatElse(file)
  if (what === null) return
  throw new AuditError(`${id} is ${what}, not a DuckDB file`, {
    advice: 'It is left as it is: name another file with --to.',
  })
}

/** Null for a DuckDB file, a missing or unreadable one, and an empty one that another process is creating. */
function whatElse(file: string): string | null {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return null
  if (stats.isDirectory()) return 'a folder'
  if (!stats.isFile()) return 'a device or a pipe'
  if (stats.size === 0) return null
  const head = headOf(file)
  if (head === null || head.startsWith(MAGIC, MAGIC_AT)) return null
  return OTHERS.find(([begin]) => head.startsWith(begin))?.[1] ?? 'something else'
}

function headOf(file: string): string | null {
  const head = Buffer.alloc(16)
  try {
    const descriptor = openSync(file, 'r')
    try {
      readSync(descriptor, head)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return null
  }
  return head.toString('latin1')
}

/** DuckDB's errors about a file it cannot open or read, with what to do. */
const FAULTS: readonly (readonly [sign: RegExp, what: string, advice: string])[] = [
  [/not a valid DuckDB database file/, 'the file is empty, not a DuckDB file', 'Remove it, or name another with --to.'],
  [
    /can only read versions? |newer version of DuckDB|storage version/i,
    'the file was made by a newer DuckDB than this program contains',
    'Use a newer wandb-audit, or name another file with --to.',
  ],
  [
    /Corrupt database file|Could not read enough bytes|checksum|[Ff]ailed to (?:load|deserialize) /,
    'the file is damaged',
    'Restore it from a backup; without one, load everything again into a new file.',
  ],
]

export function fileError(id: string, error: unknown): AuditError {
  const text = error instanceof Error && !(error instanceof AuditError) ? error.message : ''
  const [, what, advice] = FAULTS.find(([sign]) => /^(?:IO|Serialization) Error/.test(text) && sign.test(text)) ?? []
  return what === undefined || advice === undefined
    ? duckdbError(id, error)
    : new AuditError(`${id}: ${what}`, { advice })
}
