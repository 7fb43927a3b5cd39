/** DuckDB's errors as ours. */

import { AuditError } from '../errors.js'

/** Kinds of errors whose text speaks of the machine or of the statement, not of the data. */
const SPEAKABLE = /^(?:Out of Memory|IO|Catalog|Binder|Parser|Syntax|Permission|TransactionContext) Error: [^\n]*/

/** What DuckDB says of a file that is cut, or is something else; the lake's copies have the name in the lake behind their own. */
const DAMAGED_FILE =
  /^(?:Invalid Input|IO) Error: (?:No magic bytes found at end of file|Failed to read file|Could not read enough bytes from file|File) ['"][^'"\n]*\/[0-9a-f-]{36,64}\.([\w=.,-]+)['"]/

/** By kind, for errors whose text may name a value. */
const ADVICE: Readonly<Record<string, string>> = {
  'Conversion Error': 'A value cannot be cast so, and is not told, for it may be personal: try_cast gives NULL for it.',
  'Out of Range Error': 'A number is too large for its type, and is not told, for it may be personal.',
  'Invalid Input Error': 'A function cannot take a value, and it is not told, for it may be personal.',
  'Invalid Error': 'A file that it reads is damaged, most likely: put a copy of it back.',
  'Interrupt Error': 'It was stopped; nothing is changed.',
  'INTERNAL Error': 'This is a fault of DuckDB, or of a damaged file: please report it.',
  'FATAL Error': 'This is a fault of DuckDB, of a damaged file or of a full disk: please report it.',
}

/** Splitting a batch mends none of these. */
const OUTSIDE = /^(?:IO|Permission|Catalog|Binder|Parser|Syntax|TransactionContext|Dependency|FATAL|Invalid) Error/

const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'Give this user the right to read and write there.',
  ENOSPC: 'The disk is full: make room there, and in the folder for temporary files (--spool).',
}

/**
 * DuckDB names the offending value in its conversion and constraint errors; such a text must reach no log, so only
 * the kind of those is kept, and the original is not even carried as the cause.
 *
 * @param who what failed, for example `the engine` or the sink's id
 */
export function duckdbError(who: string, error: unknown): AuditError {
  if (error instanceof AuditError) return error
  // A full disk or a missing right met on the way: the system's code says it, its text may hold a path alone.
  if (error instanceof Error && 'code' in error && /^E[A-Z]+$/.test(String(error.code))) {
    const advice =
      SYSTEM_ADVICE[String(error.code)] ?? 'Look at the disk, and at the folder for temporary files (--spool).'
    return new AuditError(`${who}: ${String(error.code)}`, { advice, outside: true })
  }
  const text = error instanceof Error ? error.message.replace('Failed to extract statements: ', '') : ''
  const [, damaged] = DAMAGED_FILE.exec(text) ?? []
  if (damaged !== undefined) return damagedFile(who, damaged.replaceAll(',', '/'))
  const kind =
    /^[A-Za-z ]+ Error/.exec(text)?.[0] ?? `an unexpected error (${error instanceof Error ? error.name : typeof error})`
  const message = `${who}: ${SPEAKABLE.exec(text)?.[0] ?? kind}`
  const advice = adviceFor(kind, text)
  return new AuditError(message, { outside: OUTSIDE.test(text), ...(advice === undefined ? {} : { advice }) })
}

/** @param file its name in the lake */
export const damagedFile = (who: string, file: string): AuditError =>
  new AuditError(`${who}: ${file} is damaged, or no Parquet file`, {
    advice: 'Put a copy or an earlier version of it back; without one, load everything again into an empty lake.',
    outside: true,
  })

/** What DuckDB says, without a name, of a Parquet file that is spoilt inside. */
export const readsNonsense = (error: unknown): boolean =>
  error instanceof Error && /(?:^|: )Invalid Error(?:: |$)/.test(error.message)

function adviceFor(kind: string, text: string): string | undefined {
  if (kind === 'Out of Memory Error') return 'Give it more with --memory, or more room for spilling with --spool.'
  if (/No space left on device|Disk quota exceeded/.test(text)) return SYSTEM_ADVICE.ENOSPC
  if (/Permission denied|Read-only file system/.test(text)) return SYSTEM_ADVICE.EACCES
  if (kind.startsWith('an unexpected')) return 'Please report it.'
  return ADVICE[kind]
}
