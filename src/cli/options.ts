/** Options that several commands share, and their settings. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { SINK_FORMS } from '../../sinks/index.js'
import type { SettingFlags } from '../config/settings.js'

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
  readonly archive?: string
  readonly retain?: string
  readonly signKey?: string
  readonly anchor?: string
  readonly metrics?: string
  readonly ping?: string
  readonly privacy?: string
  readonly webhook?: string
  readonly webhookForm?: 'json' | 'slack'
  readonly memory?: string
  readonly spool?: string
  readonly maxRejects?: number
  readonly maxDocumentBytes?: string
  readonly documentTimeout?: string
  readonly api?: 'classic' | 'between' | 'current' | 'multi-tenant'
  readonly username?: string
  readonly anonymize?: boolean
  readonly insecureHttp?: boolean
  readonly followLinks?: boolean
  readonly overlap?: string
  readonly every?: string
  readonly concurrency?: number
  readonly dryRun?: boolean
  readonly check?: boolean
  readonly output: 'text' | 'json'
}

/** Small objects cost latency rather than work; a few concurrent requests hide it. */
export const CONCURRENCY = 8

/** How late an event of the API may become known and still be found by `load`. */
export const OVERLAP = '1d'

/** Gathers the values of an option that may be given several times. */
export const collect = (value: string, all: string[] = []): string[] => [...all, value]

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Not a whole number.')
  return Number(text)
}

export function withCommon(command: Command): Command {
  return command
    .option('--config <file>', 'settings file (default: wandb-audit.yaml, if trusted with `wandb-audit trust`)')
    .option('--quiet', 'write warnings and errors only')
    .addOption(new Option('--log-format <format>', 'format of log lines on stderr').choices(['text', 'json']))
}

export function withSinks(command: Command, what: string, otherwise = 'duckdb:audit.duckdb'): Command {
  return withCommon(command.option('--to <sink>', `${what}: ${SINK_FORMS} (default: ${otherwise})`, collect))
}

/** The rules under which sinks are loaded. */
export const privacyOption = (): Option =>
  new Option('--privacy <rules>', 'what sinks get of names and addresses, for example "{actor_email: pseudonym}"')

/** The options of commands that read sources and load sinks. */
export const withRun = (command: Command): Command =>
  withSeals(
    withSources(command, 'sink to load into, repeatable')
      .option('--archive <address>', 'bucket or folder that keeps each document as it came, before it is loaded')
      .option('--retain <duration>', 'lock what is archived for this long, for example 6y')
      .addOption(privacyOption()),
  )
    .option('--metrics <file>', 'update metrics in this file, for the Prometheus textfile collector')
    .option('--ping <url>', 'request this https URL after a success, and URL/fail after a failure')
    .option('--dry-run', 'only list what would be read')

/** The options that say where findings are posted, and how. */
export const withWebhook = (command: Command): Command =>
  command
    .option('--webhook <url>', 'post new findings to this URL')
    .addOption(
      new Option('--webhook-form <form>', 'format of posts (default: slack for Slack URLs, otherwise json)').choices([
        'json',
        'slack',
      ]),
    )

/** The options of commands that seal an archive. */
export const withSeals = (command: Command): Command =>
  command
    .option('--sign-key <file>', 'sign the seals of the archive with this Ed25519 key (PEM)')
    .option('--anchor <address>', 'state the hash of each new seal there too: https webhook, bucket or folder')

/** The options that say which sources there are and how to log in. */
export function withSource(command: Command): Command {
  const what =
    'https://HOST, s3://, gs:// or az:// bucket, file, folder, glob in quotes, - for stdin, archive:ADDRESS or export:ADDRESS (repeatable; default: WANDB_BASE_URL)'
  return command
    .option('--from <source>', what, collect)
    .addOption(
      new Option('--api <dialect>', 'W&B API: its dialect, if detection fails').choices([
        'classic',
        'between',
        'current',
        'multi-tenant',
      ]),
    )
    .option('--username <name>', 'W&B API: the user the key belongs to')
    .option('--anonymize', 'W&B API: request events without e-mail addresses and names')
    .option('--insecure-http', 'W&B API: send the key over plain http')
    .option('--follow-links', 'folders: follow links that lead out of them')
}

/** The options of commands that read sources. @param sinks says what becomes of the sinks */
export function withSources(command: Command, sinks: string): Command {
  return withSinks(withSource(command), sinks)
    .option('--memory <size>', 'memory limit (default: 1GB)')
    .option('--spool <folder>', "folder for temporary files (default: the user's cache folder)")
    .option('--max-document-bytes <size>', 'refuse larger documents, packed or unpacked (default: 16GB)')
    .option('--document-timeout <duration>', 'refuse documents that take longer to arrive (default: 6h)')
    .option(
      '--max-rejects <n>',
      'exit with 3 when a run has more rejects than this; a document of mostly rejects is refused unless it has at most this many',
      wholeNumber,
    )
    .option('--concurrency <n>', `buckets: how many objects to read at once (default: ${CONCURRENCY})`, wholeNumber)
    .addOption(
      new Option('--output <format>', 'format of the summary on stdout').choices(['text', 'json']).default('text'),
    )
}

/** The flags that are settings, under the names of the settings file. */
export function asSettings(flags: Partial<RunFlags>): SettingFlags {
  const {
    maxRejects,
    maxDocumentBytes,
    documentTimeout,
    logFormat,
    insecureHttp,
    followLinks,
    from,
    to,
    archive,
    retain,
    signKey,
    anchor,
    metrics,
    ping,
    privacy,
    webhook,
    webhookForm,
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
    ...{
      from,
      to,
      archive,
      retain,
      anchor,
      metrics,
      ping,
      privacy,
      webhook,
      memory,
      spool,
      quiet,
      username,
      anonymize,
      api,
      overlap,
      every,
      concurrency,
    },
    max_rejects: maxRejects,
    max_document_bytes: maxDocumentBytes,
    document_timeout: documentTimeout,
    log_format: logFormat,
    webhook_form: webhookForm,
    sign_key: signKey,
    insecure_http: insecureHttp,
    follow_links: followLinks,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
