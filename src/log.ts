import pino from 'pino'
import { AuditError, printable } from './errors.js'

/** Called like pino: `info('text')`, or `info({ field: 1 }, 'text')`; an error is passed as `err`. */
export type Logger = Pick<pino.BaseLogger, 'info' | 'warn' | 'error' | 'debug'>

export interface LogDestination {
  write(line: string): unknown
  readonly isTTY?: boolean | undefined
}

export interface LogOptions {
  /** json: one pino object a line, with ISO time and level names. text: one readable line. */
  readonly format: 'text' | 'json'
  /** Logs only warnings and errors. */
  readonly quiet: boolean
  /** Default: stderr. */
  readonly destination?: LogDestination
}

const SECRETS = ['authorization', 'Authorization', 'apiKey', 'api_key', 'password', 'token', 'secret']

/**
 * Every entry is one line: names from outside are logged, so control characters in strings are escaped.
 *
 * With WANDB_AUDIT_DEBUG set, debug entries and stack traces are logged too.
 */
export async function createLogger({ format, quiet, destination = process.stderr }: LogOptions): Promise<Logger> {
  const debug = Boolean(process.env.WANDB_AUDIT_DEBUG)
  const render = format === 'json' ? jsonLine : await textRenderer(destination.isTTY === true && !process.env.NO_COLOR)
  const logger: Logger = pino(
    {
      base: null,
      level: quiet ? 'warn' : debug ? 'debug' : 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: (error: unknown) => described(error, debug) },
      redact: SECRETS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
    },
    { write: (line) => void destination.write(render(JSON.parse(line, escaped))) },
  )
  return logger
}

interface Described {
  readonly message: string
  readonly advice?: string
  readonly cause?: string
  readonly stack?: readonly string[]
}

type Entry = Record<string, unknown> & { readonly msg?: string; readonly err?: Described }

/** Escapes values only, because keys are our own. */
function escaped(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? printable(value) : value
}

function jsonLine(entry: Entry): string {
  return `${JSON.stringify(entry)}\n`
}

async function textRenderer(colorize: boolean): Promise<(entry: Entry) => string> {
  const { default: pretty } = await import('pino-pretty')
  return pretty.prettyFactory({
    colorize,
    singleLine: true,
    translateTime: "UTC:yyyy-mm-dd'T'HH:MM:ss'Z'",
    ignore: 'err',
    messageFormat: (log) => sentence(log),
  })
}

/** The message, followed by the details of an error. */
function sentence({ msg = '', err }: Entry): string {
  if (err === undefined) return msg
  const parts = [
    msg,
    err.message === msg ? undefined : err.message,
    err.cause && `caused by: ${err.cause}`,
    err.advice,
    err.stack?.join(' '),
  ]
  return parts.filter(Boolean).join(' — ')
}

function described(error: unknown, debug: boolean): Described {
  if (!(error instanceof Error)) return { message: String(error) }
  return {
    message: error.message,
    ...(error instanceof AuditError && error.advice !== undefined ? { advice: error.advice } : {}),
    ...(error.cause instanceof Error ? { cause: error.cause.message } : {}),
    ...(debug && error.stack !== undefined ? { stack: error.stack.split('\n').map((line) => line.trim()) } : {}),
  }
}
