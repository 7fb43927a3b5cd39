import type { Command } from 'commander'
import { requireSources } from '../config/settings.js'
import type { Source } from '../contract.js'
import { EXIT, type ExitCode, printable } from '../errors.js'
import { openSource } from '../extract/index.js'
import { listPending, run, type Summary } from '../pipeline.js'
import { Engine } from '../transform/engine.js'
import { version } from '../version.js'
import { type LoadFlags, withLoad } from './options.js'
import { openSession, openSinks, type Session } from './session.js'
import { openSpool } from './spool.js'

/** Half of the engine's share may be one batch staged, which takes about as much as its text. */
const BATCH_SHARE = 0.25

const EVERYTHING = { from: null, to: null }

export function addLoad(program: Command): void {
  withLoad(program.command('load').description('Load everything new from the sources into the sinks.'))
    .addHelpText(
      'after',
      `
Examples:
  $ wandb-audit load --from ./wandb-audit-logs
  $ wandb-audit load --from 'logs/2026-*.ndjson.gz' --to duckdb:audit.duckdb
  $ curl -s … | wandb-audit load --from -
  $ wandb-audit load --from ./wandb-audit-logs --dry-run`,
    )
    .action(async (flags: LoadFlags) => {
      process.exitCode = await load(await openSession(flags), flags)
    })
}

/** Runs one load as the settings say, and writes its summary to stdout. */
export async function load(session: Session, flags: Pick<LoadFlags, 'dryRun' | 'output'>): Promise<ExitCode> {
  const { settings, logger, progress, signal } = session
  const sources: Source[] = []
  for (const address of requireSources(settings)) sources.push(await openSource(address))
  const sinks = await openSinks(session)
  if (flags.dryRun === true) return dryRun(session, sources, sinks, flags.output)
  const spool = await openSpool(settings.spool)
  try {
    const { memoryBytes } = settings
    const engine = await Engine.start({ memoryBytes, folder: spool.folder })
    try {
      const summary = await run({
        sources,
        sinks,
        range: EVERYTHING,
        engine,
        folder: spool.folder,
        batchBytes: memoryBytes * BATCH_SHARE,
        loaderVersion: version(),
        logger,
        progress,
        signal,
      })
      progress.stop()
      writeSummary(summary, flags.output, settings.quiet ?? false)
      return outcome(summary, settings.max_rejects, session)
    } finally {
      progress.stop()
      engine.close()
    }
  } finally {
    await spool.remove()
    for (const { close } of [...sources, ...sinks]) await close()
  }
}

function outcome(summary: Summary, maxRejects: number | undefined, { logger }: Session): ExitCode {
  for (const { error, advice } of summary.failed) logger.error(advice === null ? error : `${error}. ${advice}`)
  if (summary.failed.length > 0 || summary.sinks.some(({ error }) => error !== null)) return EXIT.failed
  const rejected = Math.max(...summary.sinks.map((sink) => sink.rejected))
  if (maxRejects === undefined || rejected <= maxRejects) return EXIT.done
  logger.error(`${rejected} rejects, more than --max-rejects ${maxRejects}: see them with wandb-audit rejects`)
  return EXIT.tooManyRejects
}

function writeSummary(summary: Summary, output: 'text' | 'json', quiet: boolean): void {
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify(summary)}\n`)
    return
  }
  if (quiet) return
  const { documents, skipped, failed, sinks } = summary
  process.stdout.write(`documents: ${documents} loaded, ${skipped} skipped, ${failed.length} failed\n`)
  for (const { sink, error, read, inserted, enriched, unchanged, rejected } of sinks) {
    const counts = `read ${read} = ${inserted} inserted + ${enriched} enriched + ${unchanged} unchanged + ${rejected} rejected`
    process.stdout.write(`${printable(sink)}: ${counts}${error === null ? '' : ` (failed: ${error})`}\n`)
  }
}

/** Lists, one a line, what a load would read; nothing is made or changed. */
async function dryRun(
  { settings, signal }: Session,
  sources: readonly Source[],
  sinks: Parameters<typeof listPending>[1]['sinks'],
  output: 'text' | 'json',
): Promise<ExitCode> {
  const documents = []
  let skipped = 0
  for (const source of sources) {
    const pending = await listPending(source, { sinks, range: EVERYTHING, signal })
    skipped += pending.skipped
    for (const { id, bytes } of pending.documents) documents.push({ source: source.id, document: id, bytes })
  }
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify({ documents, skipped })}\n`)
    return EXIT.done
  }
  for (const { document, bytes } of documents) process.stdout.write(`${bytes ?? '?'}\t${printable(document)}\n`)
  if (settings.quiet !== true)
    process.stderr.write(`would read ${documents.length} documents, ${skipped} are loaded already\n`)
  return EXIT.done
}
