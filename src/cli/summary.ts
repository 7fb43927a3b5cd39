/** What a run says at its end: failures on stderr, the summary on stdout, the exit code. */

import { plural } from '../../schemas/words.js'
import { AuditError, EXIT, type ExitCode, escaped, printable } from '../errors.js'
import type { Summary } from '../journal.js'
import { send } from './formats/output.js'
import type { Session } from './session.js'
import { jsonLine } from './terminal.js'

/** Limits the errors logged, because a missing permission fails every object of a bucket in the same way. */
const MOST_REPORTED = 20

/** Logs what was not loaded. */
export function outcome({ archived, failed, sinks }: Summary, { logger, settings }: Session): ExitCode {
  for (const { error, advice } of failed.slice(0, MOST_REPORTED)) {
    logger.error(advice === null ? error : `${error}. ${advice}`)
  }
  if (failed.length > MOST_REPORTED) {
    logger.error(`${plural(failed.length - MOST_REPORTED, 'more document')} failed; --output json lists all of them`)
  }
  for (const line of archivedInWords(archived)) logger.warn(line)
  if (failed.length > 0 || sinks.some(({ error }) => error !== null)) return EXIT.failed
  const most = settings.max_rejects
  const rejected = Math.max(...sinks.map((sink) => sink.rejected))
  if (most === undefined || rejected <= most) return archived.length === 0 ? EXIT.done : EXIT.archived
  logger.error(`${plural(rejected, 'reject')}, more than --max-rejects ${most}: see them with \`wandb-audit rejects\``)
  return EXIT.tooManyRejects
}

/** Writes to stdout; if that fails, writes to stderr, so that what was committed is reported. */
export async function writeSummary(summary: Summary, output: 'text' | 'json', quiet: boolean): Promise<void> {
  const text = output === 'json' ? jsonLine(summary, process.stdout) : quiet ? '' : inWords(summary)
  let written = false
  try {
    written = await send([text], process.stdout)
  } finally {
    if (!written) process.stderr.write(inWords(summary))
  }
}

/** What a run has done until it failed, as JSON on stdout; the error itself is reported on stderr, too. */
export async function writeFailure(summary: Summary, error: unknown): Promise<void> {
  const { message, advice = null } = error instanceof AuditError ? error : { message: 'an unexpected error' }
  await send([jsonLine({ ...summary, error: { message, advice } }, process.stdout)], process.stdout)
}

/** A line for each kind of archived documents, with what to do. */
export const archivedInWords = (archived: Summary['archived']): readonly string[] =>
  archived.map(({ documents, example, advice }) => {
    const what = documents === 1 ? 'a document is archived and was' : `${documents} documents are archived and were`
    return `${what} not loaded, for example ${printable(example)}. ${advice}`
  })

function inWords({ documents, skipped, archived, failed, sinks }: Summary): string {
  const left = archived.reduce((sum, each) => sum + each.documents, 0)
  const head = `documents: ${documents} loaded, ${skipped} skipped, ${failed.length} failed${left === 0 ? '' : `, ${left} archived`}\n`
  const lines = sinks.map(({ sink, error, read, inserted, enriched, unchanged, rejected, conflicts }) => {
    const counts = `read ${read} = ${inserted} inserted + ${enriched} enriched + ${unchanged} unchanged + ${rejected} rejected`
    return `${printable(sink)}: ${counts}${conflicts === 0 ? '' : `; ${conflicts} conflicts`}${error === null ? '' : ` (failed: ${escaped(error)})`}\n`
  })
  return head + lines.join('')
}
