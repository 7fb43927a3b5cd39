/** DuckDB's errors as ours. */

import { AuditError } from './errors.js'

/** Kinds of errors whose text speaks of the machine or of the statement, not of the data. */
const SPEAKABLE = /^(?:Out of Memory|IO|Catalog|Binder|Parser|Syntax|Permission|TransactionContext) Error: [^\n]*/

const OUTSIDE = /^(?:IO|Permission) Error/

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
    const advice = SYSTEM_ADVICE[String(error.code)]
    return new AuditError(`${who}: ${String(error.code)}`, {
      outside: true,
      ...(advice === undefined ? {} : { advice }),
    })
  }
  const text = error instanceof Error ? error.message.replace('Failed to extract statements: ', '') : ''
  const kind = /^[A-Za-z ]+ Error/.exec(text)?.[0] ?? 'an unexpected error'
  const message = `${who}: ${SPEAKABLE.exec(text)?.[0] ?? kind}`
  if (!text.startsWith('Out of Memory')) return new AuditError(message, { outside: OUTSIDE.test(text) })
  return new AuditError(message, { advice: 'Give it more with --memory, or more room for spilling with --spool.' })
}
