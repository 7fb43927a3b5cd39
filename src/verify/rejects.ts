/** Compares the rejects of a sink with those of the replay. */

import { createHash, type Hash } from 'node:crypto'
import { DUCKDB_PROOF, rejectDigests, rejectRows } from '../../schemas/proof.js'
import type { QueryResult, Value } from '../contract.js'
import { duckdbError } from '../duckdb/errors.js'
import { rowsOf } from '../duckdb/results.js'
import type { Engine } from '../transform/engine.js'
import type { Wanted } from './events.js'
import { EXPECTED, type Expected } from './expected.js'
import { type Finding, isHash, listed, MOST_IDS } from './findings.js'
import type { Held } from './held.js'

/** @returns a finding for each document and kind; its day is for the caller to say */
export async function rejectFindings(
  engine: Engine,
  held: Held,
  expected: Expected,
  wanted: Wanted,
): Promise<readonly Finding[]> {
  if (!wanted.deep && (await areEqual(engine, held, expected, wanted))) return []
  await engine.run(
    'CREATE OR REPLACE TABLE held_rejects (is_held BOOLEAN, id VARCHAR, document VARCHAR, reason VARCHAR, line VARCHAR)',
  )
  const tables = [`${EXPECTED}.audit_rejects`, `${EXPECTED}.audit_reject_pieces`] as const
  await expected.attached(engine.connection, async () => {
    const streamed = await engine.connection.stream(rejectRows(DUCKDB_PROOF, ...tables))
    await addLines(
      engine,
      false,
      rowsOf(
        (error) => duckdbError('the replay', error),
        streamed,
        () => {},
      ),
    )
  })
  await addLines(engine, true, (await held.query(held.questions.proof.rejects)).rows)
  // Without all days, the rejects of other documents are not known.
  const inRange = wanted.span === null ? '' : `WHERE kind <> 'extra'`
  const found = await engine.rows(`
    WITH numbered AS (
      SELECT *, row_number() OVER (PARTITION BY is_held, id) AS copy FROM held_rejects
    ),
    pairs AS (
      SELECT coalesce(e.document, h.document) AS document, coalesce(e.id, h.id) AS id,
        CASE WHEN h.copy IS NULL THEN 'missing' WHEN e.copy IS NULL THEN 'extra' ELSE 'altered' END AS kind,
        CASE WHEN h.copy IS NULL OR e.copy IS NULL THEN '' ELSE concat_ws(',',
          CASE WHEN h.document IS DISTINCT FROM e.document THEN 'source_document' END,
          CASE WHEN h.reason IS DISTINCT FROM e.reason THEN 'reason' END,
          CASE WHEN h.line IS DISTINCT FROM e.line THEN 'raw' END) END AS columns
      FROM (FROM numbered WHERE is_held) h FULL JOIN (FROM numbered WHERE NOT is_held) e ON h.id = e.id AND h.copy = e.copy
      WHERE h.copy IS NULL OR e.copy IS NULL OR (h.document, h.reason, h.line) IS DISTINCT FROM (e.document, e.reason, e.line)
    )
    SELECT document, kind, columns, count(*) AS rejects, array_to_string(min(id, ${MOST_IDS}), ',') AS ids
    FROM pairs ${inRange} GROUP BY ALL ORDER BY ALL`)
  await engine.run('DROP TABLE held_rejects')
  return found.map(({ document, kind, columns, rejects, ids }) => ({
    ...{ what: 'reject', source: null, day: null, document: String(document) },
    kind: String(kind) as Finding['kind'],
    columns: listed(columns),
    count: Number(rejects),
    ids: listed(ids).filter(isHash),
  }))
}

async function areEqual(
  engine: Engine,
  { questions, query }: Held,
  expected: Expected,
  { span, salt }: Wanted,
): Promise<boolean> {
  const { proof } = questions
  const apart = proof.keepsNul ? undefined : 'contains(raw, chr(0))'
  const wanted = await expected.attached(engine.connection, () =>
    engine.rows(rejectDigests(DUCKDB_PROOF, `${EXPECTED}.audit_rejects`, salt, apart)),
  )
  const text = (rejects: unknown, digest: unknown): string => `${Number(rejects)} ${String(digest)}`
  const found = new Map<string, string>()
  const { rows } = await query(proof.rejectDigests(salt))
  for await (const [document, rejects, digest] of rows) found.set(String(document), text(rejects, digest))
  const same = wanted.every(
    ({ source_document, rejects, digest }) => found.get(String(source_document)) === text(rejects, digest),
  )
  return same && (span !== null || found.size === wanted.length)
}

/** Adds each line as the SHA-256 of its bytes, so that long ones need no memory. */
async function addLines(engine: Engine, isHeld: boolean, rows: QueryResult['rows']): Promise<void> {
  const appender = await engine.connection.createAppender('held_rejects')
  let current: { readonly row: readonly Value[]; readonly line: Hash } | null = null
  const end = (): void => {
    if (current === null) return
    const [id, document, reason] = current.row
    appender.appendBoolean(isHeld)
    for (const each of [id, document, reason, current.line.digest('hex')]) appender.appendVarchar(String(each ?? ''))
    appender.endRow()
  }
  try {
    for await (const row of rows) {
      const [, , , isBase64, piece, raw] = row
      if (current === null || Number(piece) === 1) {
        end()
        current = { row, line: createHash('sha256') }
      }
      current.line.update(Buffer.from(String(raw ?? ''), isBase64 === true ? 'base64' : 'utf8'))
    }
    end()
  } finally {
    appender.closeSync()
  }
}
