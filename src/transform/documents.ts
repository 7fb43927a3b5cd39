/** The documents of a batch in the engine: which rows belong to which, and each document's receipt. */

import { DuckDBTimestampTZValue } from '@duckdb/node-api'
import type { DayRange } from '../contract.js'
import { instantLiteral, quotedString } from '../duckdb/quoting.js'
import { AuditError, printable } from '../errors.js'
import type { SpoolFile } from '../landing/batches.js'
import { receiptVersion } from '../landing/days.js'
import type { Engine } from './engine.js'

/**
 * Creates `documents`, one row each. `ordinal` numbers the documents and `file` the spool files, both from 0; `first_row`
 * is the document's first line, counted through the batch.
 */
export async function registerDocuments(engine: Engine, files: readonly SpoolFile[], range: DayRange): Promise<void> {
  await engine.run(`CREATE TABLE documents (ordinal INTEGER, file INTEGER, first_row BIGINT, lines BIGINT,
    document VARCHAR, version VARCHAR, sha256 VARCHAR, bytes BIGINT, is_asked BOOLEAN, asked_from TIMESTAMPTZ,
    asked_to TIMESTAMPTZ)`)
  const appender = await engine.connection.createAppender('documents')
  let ordinal = 0
  let firstRow = 0
  for (const [file, { documents }] of files.entries()) {
    for (const { document, version, lines, sha256, bytes } of documents) {
      appender.appendInteger(ordinal++)
      appender.appendInteger(file)
      appender.appendBigInt(BigInt(firstRow))
      appender.appendBigInt(BigInt(lines))
      appender.appendVarchar(document.id)
      appender.appendVarchar(receiptVersion(document, version, range))
      appender.appendVarchar(sha256)
      appender.appendBigInt(BigInt(bytes))
      appender.appendBoolean(document.range !== null)
      for (const end of [document.range?.from, document.range?.to]) {
        if (end == null) appender.appendNull()
        else appender.appendTimestampTZ(new DuckDBTimestampTZValue(BigInt(end.getTime()) * 1000n))
      }
      appender.endRow()
      firstRow += lines
    }
  }
  appender.closeSync()
}

/** Compares the engine's count of each file's lines with landing's: a difference means that a line was lost. */
export async function proveNoLineLost(engine: Engine, files: readonly SpoolFile[]): Promise<void> {
  const [off] = await engine.rows(`
    SELECT landed.file, lines, count(s.file) AS rows, coalesce(min(s.rowid), first_row) AS least, first_row
    FROM (SELECT file, sum(lines) AS lines, min(first_row) AS first_row FROM documents GROUP BY file) AS landed
    LEFT JOIN staged s ON s.file = landed.file
    GROUP BY landed.file, lines, first_row
    HAVING rows <> lines OR least <> first_row
    ORDER BY landed.file LIMIT 1`)
  if (off === undefined) return
  const [first, ...others] = files[Number(off.file)]?.documents ?? []
  const which = `${printable(first?.document.id ?? '')}${others.length > 0 ? ` and ${others.length} more` : ''}`
  throw new AuditError(
    `transforming ${which} failed: ${off.lines} lines were landed and ${off.rows} were read; nothing is loaded`,
    { advice: 'This is a bug in wandb-audit or in its engine: please report it, with the document.' },
  )
}

/** The SELECT of `staged` with each row's `row`, and the `ordinal` of the document to which the row belongs. */
export async function stagedByDocument(engine: Engine, files: readonly SpoolFile[]): Promise<string> {
  if (files.every(({ documents }) => documents.length === 1)) {
    return 'SELECT rowid AS row, file AS ordinal, * EXCLUDE (file) FROM staged'
  }
  await engine.run(
    'CREATE TABLE line_documents AS SELECT unnest(range(first_row, first_row + lines)) AS row, ordinal FROM documents',
  )
  return 'SELECT line_documents.row, line_documents.ordinal, staged.* EXCLUDE (file) FROM staged JOIN line_documents ON line_documents.row = staged.rowid'
}

/** SQL for whether an instant lies in the range; null when the range is unbounded on both sides. */
export function within(instant: string, { from, to }: DayRange): string | null {
  const ends = [
    ...(from === null ? [] : [`${instant} >= ${instantLiteral(from)}`]),
    ...(to === null ? [] : [`${instant} < ${instantLiteral(to)}`]),
  ]
  return ends.length === 0 ? null : ends.join(' AND ')
}

/**
 * Creates `receipts`, one row of audit_documents for each document. A document that is not a window of days gets the
 * range of its own events.
 *
 * @param passedOver SELECT of the ordinals of events outside the days asked for; null when there are none
 */
export async function createReceipts(
  engine: Engine,
  source: string,
  provenance: string,
  passedOver: string | null,
): Promise<void> {
  const outside = passedOver ?? 'SELECT ordinal FROM base LIMIT 0'
  await engine.run(`
    CREATE TABLE receipts AS
    SELECT ${quotedString(source)} AS source, document, version AS document_version, sha256, bytes,
      CASE WHEN is_asked THEN asked_from ELSE least END AS range_from,
      CASE WHEN is_asked THEN asked_to ELSE greatest END AS range_to,
      lines - coalesce(outside, 0) AS rows_read, coalesce(rejected, 0) AS rejected, ${provenance}
    FROM documents
    LEFT JOIN (SELECT ordinal, min("timestamp") AS least, max("timestamp") AS greatest FROM base GROUP BY ordinal)
      USING (ordinal)
    LEFT JOIN (SELECT ordinal, count(*) AS outside FROM (${outside}) GROUP BY ordinal) USING (ordinal)
    LEFT JOIN (SELECT ordinal, count(*) AS rejected FROM rejected_lines GROUP BY ordinal) USING (ordinal)`)
}
