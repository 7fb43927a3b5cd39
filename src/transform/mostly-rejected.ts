/** Refuses documents that are probably not logs, and answers of the API that hold an error. */

import type { Document } from '../contract.js'
import { quotedString } from '../duckdb/quoting.js'
import { AuditError, printable } from '../errors.js'
import type { SpoolFile } from '../landing/batches.js'
import type { Engine } from './engine.js'

/** Reasons that no event of W&B can cause, whatever its users do. */
const NO_EVENT = ['not_json', 'not_an_object', 'no_timestamp', 'no_action']

export interface Refusal {
  readonly document: Document
  readonly error: AuditError
}

/**
 * Removes from the batch every document with more rejects than allowed, if they are more than half of its lines. Lines on
 * which the engine fails do not count, because a document refused for them would crash the engine again in every run.
 *
 * An answer of the API is removed for a single line that is not an event: a server that fails while it streams can report
 * that only inside the answer, and the rest is missing. Events that are rejects do not count, however many: the newest minutes
 * may hold nothing but one that somebody planted.
 *
 * @param maxRejects how many rejects the operator allows; undefined when not given
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
    WHERE ((2 * rejected > lines AND NOT is_asked) OR is_error) AND rejected > ${maxRejects ?? 0}
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
      `${rejected} of ${lines} lines of ${printable(document.id)} are not events, most of them ${reason}; none of it was loaded`,
      { advice: `If it is a log all the same, allow the rejects with --max-rejects ${rejected}.` },
    )
    return [{ document, error }]
  })
}

function holdsAnError({ id }: Document): AuditError {
  return new AuditError(
    `${printable(id)} holds a line that is not an event, such as an error of the server; none of it was loaded`,
    {
      advice: 'The next run fetches it again. If the line stays, look at the answer with curl and report it to W&B.',
    },
  )
}
