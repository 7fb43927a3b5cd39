import type { LoadCounts } from './contract.js'

/** The exit codes; schemas/exit-codes.ts says what each means. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  tooManyRejects: 3,
  differs: 4,
  found: 4,
  unlocked: 5,
  altered: 5,
  archived: 6,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface ErrorDetails {
  /** What the operator can do next, as a sentence. */
  readonly advice?: string
  /** True when retrying the same operation may succeed. */
  readonly retryable?: boolean
  /** True when the data cannot be the cause: a full disk, a missing permission. */
  readonly outside?: boolean
  /** For a load that failed after its commit: what it committed. The data cannot be the cause then. */
  readonly committed?: LoadCounts
  readonly exitCode?: ExitCode
  /** The faulty lines of a query, to be shown below the message. */
  readonly excerpt?: readonly string[]
  readonly cause?: unknown
}

/**
 * An error a person can act on: its message says who failed, doing what, on which object.
 *
 * Messages are logged as they are, so they never contain a value of a record, a key or a token.
 */
export class AuditError extends Error {
  override readonly name = 'AuditError'
  readonly advice: string | undefined
  readonly retryable: boolean
  readonly outside: boolean
  readonly committed: LoadCounts | undefined
  readonly exitCode: ExitCode
  readonly excerpt: readonly string[]

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.advice = details.advice
    this.retryable = details.retryable ?? false
    this.committed = details.committed
    this.outside = details.outside ?? details.committed !== undefined
    this.exitCode = details.exitCode ?? EXIT.failed
    this.excerpt = details.excerpt ?? []
  }
}

/** The object exists, but cannot be read before somebody restores it from an archive tier; `advice` says how. */
export class ArchivedError extends AuditError {
  declare readonly advice: string
}

/** Wrong usage or settings: exit code 2. */
export function usageError(message: string, advice?: string): AuditError {
  return new AuditError(message, { exitCode: EXIT.usage, ...(advice === undefined ? {} : { advice }) })
}

/** Thrown when work stops because its signal was aborted; exit code 130. */
export function interrupted(): AuditError {
  return new AuditError('interrupted', { exitCode: EXIT.interrupted })
}

/** For a log or a report: the message of an error that is not ours may contain anything, so only its class is told. */
export function asAuditError(error: unknown): AuditError {
  if (error instanceof AuditError) return error
  const kind = error instanceof Error ? error.name : typeof error
  return new AuditError(`an unexpected error (${kind})`, {
    advice: 'Please report this as a bug, with WANDB_AUDIT_DEBUG=1 set.',
    // With it, logs have causes.
    cause: process.env.WANDB_AUDIT_DEBUG ? error : undefined,
  })
}

/** Control characters, and characters that hide or reorder their neighbours. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** Makes a text from outside safe for a terminal: unprintable characters are escaped as in JSON. */
export function escaped(text: string): string {
  return text.replace(UNPRINTABLE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

/** Makes a name from outside (a path, an object key) safe for a log line: escaped, and shortened if very long. */
export function printable(name: string): string {
  const text = escaped(name)
  return text.length > 500 ? `${text.slice(0, 500)}…` : text
}
