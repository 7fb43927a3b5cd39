/** Options that commands share, and the settings they give. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Settings } from '../../schemas/settings.js'
import { SINK_FORMS } from '../../sinks/index.js'

export interface CommonFlags {
  readonly config?: string
  readonly quiet?: boolean
  readonly logFormat?: 'text' | 'json'
}

export interface SinkFlags extends CommonFlags {
  readonly to?: string[]
}

export interface RunFlags extends SinkFlags {
  readonly from?: string[]
  readonly memory?: string
  readonly spool?: string
  readonly maxRejects?: number
  readonly maxDocumentBytes?: string
  readonly documentTimeout?: string
  readonly api?: 'classic' | 'current' | 'multi-tenant'
  readonly username?: string
  readonly anonymize?: boolean
  readonly insecureHttp?: boolean
  readonly followLinks?: boolean
  readonly overlap?: string
  readonly every?: string
  readonly concurrency?: number
  readonly dryRun?: boolean
  readonly output: 'text' | 'json'
}

/** Small objects are waited for, not worked on: a few at once hide the way to the store and back. */
export const CONCURRENCY = 8

const collect = (value: string, all: string[] = []): string[] => [...all, value]

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Not a whole number.')
  return Number(text)
}

export function withCommon(command: Command): Command {
  return command
    .option('--config <file>', 'settings file (default: wandb-audit.yaml, where `wandb-audit trust` allowed it)')
    .option('--quiet', 'write warnings and errors only')
    .addOption(new Option('--log-format <format>', 'how log lines on stderr are written').choices(['text', 'json']))
}

export function withSinks(command: Command, what: string): Command {
  return withCommon(command.option('--to <sink>', `${what}: ${SINK_FORMS} (default: duckdb:audit.duckdb)`, collect))
}

/** The options of commands that read sources and load sinks. */
export function withRun(command: Command): Command {
  const what =
    'https://HOST, s3://, gs:// or az:// bucket, file, folder, glob in quotes, or - for stdin (repeatable; default: WANDB_BASE_URL)'
  return withSinks(command.option('--from <source>', what, collect), 'sink to load into, repeatable')
    .option('--memory <size>', 'memory to keep within (default: 1GB)')
    .option('--spool <folder>', "folder for temporary files (default: the user's cache folder)")
    .option('--max-document-bytes <size>', 'refuse a document that is larger, unpacked or not (default: 16GB)')
    .option('--document-timeout <duration>', 'refuse a document that takes longer to arrive (default: 6h)')
    .option(
      '--max-rejects <n>',
      'exit with 3 when a run has more rejects than this; a document of rejects mostly is refused, unless it has no more than this',
      wholeNumber,
    )
    .addOption(
      new Option('--api <dialect>', 'W&B API: its dialect, where it is not recognised').choices([
        'classic',
        'current',
        'multi-tenant',
      ]),
    )
    .option('--username <name>', 'W&B API: the user the key belongs to')
    .option('--anonymize', 'W&B API: ask for events without e-mail addresses and names')
    .option('--insecure-http', 'W&B API: send the key over plain http')
    .option('--concurrency <n>', `buckets: how many objects are read at once (default: ${CONCURRENCY})`, wholeNumber)
    .option('--follow-links', 'folders: follow links that lead out of them')
    .option('--dry-run', 'only list what would be read')
    .addOption(
      new Option('--output <format>', 'how the summary on stdout is written').choices(['text', 'json']).default('text'),
    )
}

/** The flags that are settings, in the settings' names. */
export function asSettings(flags: Partial<RunFlags>): Partial<Settings> {
  const {
    maxRejects,
    maxDocumentBytes,
    documentTimeout,
    logFormat,
    insecureHttp,
    followLinks,
    from,
    to,
    memory,
    spool,
    quiet,
    username,
    anonymize,
    api,
    overlap,
    every,
    concurrency,
  } = flags
  const given = {
    ...{ from, to, memory, spool, quiet, username, anonymize, api, overlap, every, concurrency },
    max_rejects: maxRejects,
    max_document_bytes: maxDocumentBytes,
    document_timeout: documentTimeout,
    log_format: logFormat,
    insecure_http: insecureHttp,
    follow_links: followLinks,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
