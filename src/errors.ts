/** What the process exits with; documented in the README. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  tooManyRejects: 3,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface ErrorDetails {
  /** What the operator can do next, as a sentence. */
  readonly advice?: string
  /** True when doing exactly the same again may succeed. */
  readonly retryable?: boolean
  /** True when no data could be at fault: a full disk, a missing right. */
  readonly outside?: boolean
  readonly exitCode?: ExitCode
  readonly cause?: unknown
}

/**
 * An error a person can act on: its message names who failed, in which operation, on which object.
 *
 * Messages never hold a value of a record, a key or a token; they are logged as they are.
 */
export class AuditError extends Error {
  override readonly name = 'AuditError'
  readonly advice: string | undefined
  readonly retryable: boolean
  readonly outside: boolean
  readonly exitCode: ExitCode

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.advice = details.advice
    this.retryable = details.retryable ?? false
    this.outside = details.outside ?? false
    this.exitCode = details.exitCode ?? EXIT.failed
  }
}

/** Wrong usage or settings: exit code 2. */
export function usageError(message: string, advice?: string): AuditError {
  return new AuditError(message, { exitCode: EXIT.usage, ...(advice === undefined ? {} : { advice }) })
}

/** Thrown where work stops because its signal was aborted; exit code 130. */
export function interrupted(): AuditError {
  return new AuditError('interrupted', { exitCode: EXIT.interrupted })
}

/** Control characters, and those that hide or reorder what stands beside them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** A text that came from outside, fit for a terminal: what could steer it stands there as JSON escapes it. */
export function escaped(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** A name that came from outside (a path, an object key), fit for a log line: escaped, and shortened where it is very long. */
export function printable(name: string): string {
  const text = escaped(name)
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}
