/** Compares the receipts of a sink with the documents of the archive. */

import type { Finding } from './findings.js'
import { type Held, type Workplace, withAnswer } from './held.js'

/**
 * @param readings a relation with source, document and sha256 of each archived reading
 * @param all      whether these are all the archive has, so that the sink may have no receipt of others
 */
export async function receiptFindings(
  place: Workplace,
  held: Held,
  readings: string,
  all: boolean,
): Promise<readonly Finding[]> {
  const columns = ['source', 'document', 'sha256']
  const found = await withAnswer(place, held, held.questions.proof.receipts, columns, (relation) =>
    place.engine.rows(`
    SELECT coalesce(r.source, h.source) AS source, coalesce(r.document, h.document) AS document,
      CASE WHEN h.source IS NULL THEN 'missing' WHEN r.source IS NULL THEN 'extra' ELSE 'altered' END AS kind
    FROM ${relation} h
    FULL JOIN (SELECT source, document, list(sha256) AS readings FROM ${readings} GROUP BY ALL) r
      ON h.source = r.source AND h.document = r.document
    WHERE h.source IS NULL OR NOT coalesce(list_contains(r.readings, h.sha256), false)
    ORDER BY ALL`),
  )
  return found
    .filter(({ source, document, kind }) => kind !== 'extra' || (all && !isListing(String(source), String(document))))
    .map(({ source, document, kind }) => ({
      ...{ what: 'receipt', day: null, count: 1, ids: [] },
      kind: String(kind) as Finding['kind'],
      columns: kind === 'altered' ? ['sha256'] : [],
      source: String(source),
      document: String(document),
    }))
}

/** The receipt of a whole listing of a bucket, which is no document: between a bucket and a key is a slash. */
const isListing = (source: string, document: string): boolean => document.startsWith(`${source}?listed=`)
