/** Compares the receipts of a sink with the documents of the archive. */

import type { Engine } from '../transform/engine.js'
import type { Held } from './events.js'
import type { Finding } from './findings.js'
import { heldRows } from './held.js'

/**
 * @param readings a relation with source, document and sha256 of each archived reading
 * @param all      whether these are all the archive has, so that the sink may have no receipt of others
 */
export async function receiptFindings(
  engine: Engine,
  { questions, query }: Held,
  readings: string,
  all: boolean,
): Promise<readonly Finding[]> {
  await engine.run('CREATE OR REPLACE TABLE held_receipts (source VARCHAR, document VARCHAR, sha256 VARCHAR)')
  await heldRows(engine, 'held_receipts', 3, await query(questions.receipts))
  const found = await engine.rows(`
    SELECT coalesce(r.source, h.source) AS source, coalesce(r.document, h.document) AS document,
      CASE WHEN h.source IS NULL THEN 'missing' WHEN r.source IS NULL THEN 'extra' ELSE 'altered' END AS kind
    FROM held_receipts h
    FULL JOIN (SELECT source, document, list(sha256) AS readings FROM ${readings} GROUP BY ALL) r
      ON h.source = r.source AND h.document = r.document
    WHERE h.source IS NULL OR NOT coalesce(list_contains(r.readings, h.sha256), false)
    ORDER BY ALL`)
  await engine.run('DROP TABLE held_receipts')
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
