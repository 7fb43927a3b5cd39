/** Documents that are more likely no logs than bad ones: most of their lines are rejects, or an answer holds an error. */

import type { Document } from '../contract.js'
import { quotedString } from '../duckdb/quoting.js'
import { AuditError, printable } from '../errors.js'
import type { SpoolFile } from '../landing/batches.js'
import type { Engine } from './engine.js'

/** W&B writes events with these; whoever acts there has no part in it. */
const NO_EVENT = ['not_json', 'not_an_object', 'no_timestamp', 'no_action']

export interface Refusal {
  readonly document: Document
  readonly error: AuditError
}

/**
 * Takes every document out of the batch of which more than half of the lines are rejects, and more than are allowed. Of an
 * answer of the API one that is no event at all is enough: an error that comes while events stream can only be told inside
 * the answer, and what is behind it is missing. Lines that the engine fails on do not count: such a document would be given to it again in every run.
 *
 * @param maxRejects how many the operator allows; undefined: none was named
 */
export async function refuseMostlyRejected(
  engine: Engine,
  files: readonly SpoolFile[],
  maxRejects: number | undefined,
): Promise<readonly Refusal[]> {
  const rows = await engine.rows(`
    SELECT ordinal, lines, rejected, reason, is_asked AND strange > 0 AS is_error
    FROM documents
    JOIN (
      SELECT ordinal, count(*) AS rejected, mode(reason) AS reason,
        count(*) FILTER (reason IN (${NO_EVENT.map(quotedString).join(', ')})) AS strange
      FROM rejected_lines WHERE reason <> 'engine_refused' GROUP BY ordinal
    ) USING (ordinal)
    WHERE (2 * rejected > lines OR is_error) AND rejected > ${maxRejects ?? 0}
    ORDER BY ordinal`)
  if (rows.length === 0) return []
  const refused = rows.map(({ ordinal }) => ordinal).join(', ')
  for (const table of ['documents', 'slow_events', 'rejected_lines']) {
    await engine.run(`DELETE FROM ${table} WHERE ordinal IN (${refused})`)
  }
  await engine.run(
    'DELETE FROM reject_pieces WHERE reject_id NOT IN (SELECT reject_id FROM rejected_lines WHERE reject_id IS NOT NULL)',
  )
  const documents = files.flatMap((file) => file.documents)
  return rows.flatMap(({ ordinal, lines, rejected, reason, is_error }) => {
    const document = documents[Number(ordinal)]?.document
    if (document === undefined) return []
    if (is_error === true) return [{ document, error: holdsAnError(document) }]
    const error = new AuditError(
      `${rejected} of ${lines} lines of ${printable(document.id)} are no events, most of them ${reason}; nothing of it is loaded`,
      { advice: `If it is a log all the same, allow that with --max-rejects ${rejected}.` },
    )
    return [{ document, error }]
  })
}

function holdsAnError({ id }: Document): AuditError {
  return new AuditError(
    `${printable(id)} holds what is no event, such as an error of the server; nothing of it is loaded`,
    {
      advice:
        'The next run asks again. If it stays so, see what the server writes there with curl, and report it to W&B.',
    },
  )
}
