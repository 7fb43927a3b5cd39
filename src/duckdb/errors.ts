/** Translates DuckDB's errors into AuditError. */

import { AuditError } from '../errors.js'

/** Kinds of errors whose text describes the machine or the statement, not the data. */
const SPEAKABLE = /^(?:Out of Memory|IO|Catalog|Binder|Parser|Syntax|Permission|TransactionContext) Error: [^\n]*/

/** DuckDB's messages for a truncated or foreign file. Local copies of the lake's files end in their name in the lake. */
const DAMAGED_FILE =
  /^(?:Invalid Input|IO) Error: (?:No magic bytes found at end of file|Failed to read file|Could not read enough bytes from file|File) ['"][^'"\n]*\/[0-9a-f-]{36,64}\.([\w=.,-]+)['"]/

/** By kind, for errors whose text may contain a value. */
const ADVICE: Readonly<Record<string, string>> = {
  'Conversion Error':
    'A value cannot be cast to that type; it is not shown because it may be personal. try_cast gives NULL for it.',
  'Out of Range Error': 'A number is too large for its type; it is not shown because it may be personal.',
  'Invalid Input Error': 'A function cannot take a value; it is not shown because it may be personal.',
  'Invalid Error': 'A file that it reads is probably damaged: restore it from a copy.',
  'Interrupt Error': 'It was interrupted; nothing has changed.',
  'INTERNAL Error': 'This is a bug in DuckDB, or a file is damaged: please report it.',
  'FATAL Error': 'This is a bug in DuckDB, or a file is damaged, or the disk is full: please report it.',
}

/** Errors that splitting a batch cannot cure. */
const OUTSIDE = /^(?:IO|Permission|Catalog|Binder|Parser|Syntax|TransactionContext|Dependency|FATAL|Invalid) Error/

const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'Give this user permission to read and write there.',
  ENOSPC: 'The disk is full: free some space on it, and in the folder for temporary files (--spool).',
}

/**
 * DuckDB quotes the offending value in its conversion and constraint errors. No log may contain such a text, so only the
 * kind of these errors is kept, and the original is not attached as the cause.
 *
 * @param who what failed, for example `the engine` or the sink's id
 */
export function duckdbError(who: string, error: unknown): AuditError {
  if (error instanceof AuditError) return error
  // An error of the system, such as a full disk: its code says enough, and its text may contain a path.
  if (error instanceof Error && 'code' in error && /^E[A-Z]+$/.test(String(error.code))) {
    const advice = SYSTEM_ADVICE[String(error.code)] ?? 'Check the disk, and the folder for temporary files (--spool).'
    return new AuditError(`${who}: ${String(error.code)}`, { advice, outside: true })
  }
  const { text } = told(error)
  const [, damaged] = DAMAGED_FILE.exec(text) ?? []
  if (damaged !== undefined) return damagedFile(who, damaged.replaceAll(',', '/'))
  const kind =
    /^[A-Za-z ]+ Error/.exec(text)?.[0] ?? `an unexpected error (${error instanceof Error ? error.name : typeof error})`
  const message = `${who}: ${SPEAKABLE.exec(text)?.[0] ?? kind}`
  const advice = adviceFor(kind, text)
  return new AuditError(message, { outside: OUTSIDE.test(text), ...(advice === undefined ? {} : { advice }) })
}

export interface Told {
  /** Its kind and message, as DuckDB writes them by default. */
  readonly text: string
  /** Where in the statement, as an index into its UTF-8 bytes. */
  readonly position?: number
  /** Names that may have been meant, joined by commas. */
  readonly candidates?: string
  /** The unknown name. */
  readonly name?: string
}

/** What an error of DuckDB says; position and candidates only with the setting `errors_as_json`. */
export function told(error: unknown): Told {
  if (!(error instanceof Error)) return { text: '' }
  const text = error.message.replace('Failed to extract statements: ', '')
  const start = text.indexOf('{"exception_type"')
  if (start === -1) return { text }
  try {
    const { exception_type, exception_message, position, candidates, name } = JSON.parse(text.slice(start))
    return {
      text: `${exception_type} Error: ${exception_message}`,
      ...(position === undefined ? {} : { position: Number(position) }),
      ...(candidates === undefined ? {} : { candidates }),
      ...(name === undefined ? {} : { name }),
    }
  } catch {
    return { text }
  }
}

/** @param file its name in the lake */
export const damagedFile = (who: string, file: string): AuditError =>
  new AuditError(`${who}: ${file} is damaged, or not a Parquet file`, {
    advice:
      'Restore it from a backup or an earlier object version; without one, load everything again into an empty lake.',
    outside: true,
  })

/** DuckDB's error, which names no file, for a Parquet file that is corrupted inside. */
export const readsNonsense = (error: unknown): boolean =>
  error instanceof Error && /(?:^|: )Invalid Error(?:: |$)/.test(error.message)

function adviceFor(kind: string, text: string): string | undefined {
  if (kind === 'Out of Memory Error') return 'Raise --memory, or give it more disk for spilling with --spool.'
  if (/No space left on device|Disk quota exceeded/.test(text)) return SYSTEM_ADVICE.ENOSPC
  if (/Permission denied|Read-only file system/.test(text)) return SYSTEM_ADVICE.EACCES
  if (kind.startsWith('an unexpected')) return 'Please report it.'
  return ADVICE[kind]
}
