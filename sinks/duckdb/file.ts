/** The file itself: what is in it before DuckDB opens it, and what DuckDB says where it cannot. */

import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { duckdbError } from '../../src/duckdb/errors.js'
import { AuditError } from '../../src/errors.js'

/**
 * The newest format that DuckDB 1.4 (long-term support) and everything later reads; it is written faster than the
 * oldest one. https://duckdb.org/docs/stable/internals/storage
 */
const FORMAT_OF_NEW_FILES = "STORAGE_VERSION 'v1.4.0'"

export const READING = 'READ_ONLY'

/** Naming a format would raise a file that has an older one, and what made it could not open it any more. */
export const writing = (file: string): string => (existsSync(file) ? 'READ_WRITE' : FORMAT_OF_NEW_FILES)

const MAGIC_AT = 8
const MAGIC = 'DUCK'

/** How other files begin that are taken for a database. */
const OTHERS: readonly (readonly [begin: string, what: string])[] = [
  ['SQLite format 3\0', 'an SQLite database'],
  ['PAR1', 'a Parquet file'],
  ['\x1f\x8b', 'a gzip file'],
  ['\x28\xb5\x2f\xfd', 'a zstd file'],
  ['PK\x03\x04', 'a zip file'],
  ['{', 'a file of JSON'],
]

/**
 * Looked at here, because DuckDB would look for an extension that reads the other format.
 *
 * @throws AuditError naming what there is in place of a DuckDB file; a file that cannot be read is left to DuckDB
 */
export function mustBeDuckDB(id: string, file: string): void {
  const what = whatElse(file)
  if (what === null) return
  throw new AuditError(`${id} is ${what}, and no DuckDB file`, {
    advice: 'It is left as it is: name another file with --to.',
  })
}

/** Null for a DuckDB file, none at all, one that another process is just making, and one that cannot be read. */
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

/** What DuckDB says of a file that it cannot open or read on, with what to do. */
const FAULTS: readonly (readonly [sign: RegExp, what: string, advice: string])[] = [
  [
    /not a valid DuckDB database file/,
    'the file is empty, and no DuckDB file',
    'Remove it, or name another with --to.',
  ],
  [
    /can only read versions? |newer version of DuckDB|storage version/i,
    'the file was made by a newer DuckDB than this program has',
    'Take a newer wandb-audit, or name another file with --to.',
  ],
  [
    /Corrupt database file|Could not read enough bytes|checksum|[Ff]ailed to (?:load|deserialize) /,
    'the file is damaged',
    'Put a copy of it back; without one, load everything again into a new file.',
  ],
]

export function fileError(id: string, error: unknown): AuditError {
  const text = error instanceof Error && !(error instanceof AuditError) ? error.message : ''
  const [, what, advice] = FAULTS.find(([sign]) => /^(?:IO|Serialization) Error/.test(text) && sign.test(text)) ?? []
  return what === undefined || advice === undefined
    ? duckdbError(id, error)
    : new AuditError(`${id}: ${what}`, { advice })
}
