/** A document most of whose lines are rejects is more likely no log than a bad one. */

import type { Document } from '../contract.js'
import { AuditError, printable } from '../errors.js'
import type { SpoolFile } from '../extract/batches.js'
import type { Engine } from './engine.js'

export interface Refusal {
  readonly document: Document
  readonly error: AuditError
}

/**
 * Takes every document out of the batch of which more than half of the lines are rejects, and more than are allowed.
 * Lines that the engine fails on do not count: such a document would be given to it again in every run.
 *
 * @param maxRejects how many the operator allows; undefined: none was named
 */
export async function refuseMostlyRejected(
  engine: Engine,
  files: readonly SpoolFile[],
  maxRejects: number | undefined,
): Promise<readonly Refusal[]> {
  const rows = await engine.rows(`
    SELECT ordinal, lines, rejected, reason
    FROM documents
    JOIN (
      SELECT ordinal, count(*) AS rejected, mode(reason) AS reason FROM bad_lines
      WHERE reason <> 'engine_refused' GROUP BY ordinal
    ) USING (ordinal)
    WHERE 2 * rejected > lines AND rejected > ${maxRejects ?? 0}
    ORDER BY ordinal`)
  if (rows.length === 0) return []
  const refused = rows.map(({ ordinal }) => ordinal).join(', ')
  for (const table of ['documents', 'walked', 'bad_lines']) {
    await engine.run(`DELETE FROM ${table} WHERE ordinal IN (${refused})`)
  }
  await engine.run(
    'DELETE FROM reject_pieces WHERE reject_id NOT IN (SELECT reject_id FROM bad_lines WHERE reject_id IS NOT NULL)',
  )
  const documents = files.flatMap((file) => file.documents)
  return rows.flatMap(({ ordinal, lines, rejected, reason }) => {
    const document = documents[Number(ordinal)]?.document
    if (document === undefined) return []
    const error = new AuditError(
      `${rejected} of ${lines} lines of ${printable(document.id)} are no events, most of them ${reason}; nothing of it is loaded`,
      { advice: `If it is a log all the same, allow that with --max-rejects ${rejected}.` },
    )
    return [{ document, error }]
  })
}
