/** A batch of landed documents becomes the relations `events` and `rejects`. */

import { DuckDBTimestampTZValue } from '@duckdb/node-api'
import { AUDIT_EVENTS, RECORD_FIELDS } from '../../schemas/tables.js'
import type { Batch, TimestampBounds } from '../contract.js'
import { AuditError, printable } from '../errors.js'
import type { Landed } from '../extract/landing.js'
import type { Engine } from './engine.js'
import { readEvents } from './read.js'
import { createResolved, hasRepeats } from './repeats.js'
import { instantLiteral, literal, quoted } from './sql.js'
import { typed } from './typing.js'
import { walk } from './walk.js'

/** The columns that `typed` gives: those of audit_events before the provenance. */
export const TYPED_COLUMNS = AUDIT_EVENTS.columns
  .filter((column) => column.class !== 'provenance')
  .map(({ name }) => name)

const TABLES = [
  'documents',
  'staged',
  'walked_texts',
  'walked',
  'bad_lines',
  'repeated',
  'resolved',
  'asked',
  'receipts',
]

/** The rows that are events, `row` counting the batch's lines from 0. */
const BASE = `
  SELECT rowid AS row, * EXCLUDE (faulty) FROM staged WHERE NOT faulty
  UNION ALL BY NAME SELECT * FROM walked`

export interface BatchIdentity {
  readonly source: string
  readonly loadId: string
  readonly startedAt: Date
  readonly loaderVersion: string
  readonly folder: string
}

/**
 * @param landed the documents in their order, ordinals rising from 0
 * @throws AuditError when a line is not accounted for
 */
export async function transform(
  engine: Engine,
  landed: readonly Landed[],
  identity: BatchIdentity,
  signal: AbortSignal,
): Promise<Batch> {
  return engine.interruptible(signal, async () => {
    await dropAll(engine)
    await registerDocuments(engine, landed)
    await engine.run(`CREATE TABLE staged AS ${readEvents(landed.map(({ path }) => path))}`)
    await proveNoLineLost(engine, landed)
    await walkFaultyLines(engine, landed, signal)
    await engine.run(`CREATE OR REPLACE VIEW base AS ${BASE}`)
    const repeats = await hasRepeats(engine)
    if (repeats) await createResolved(engine, landed.length)
    const provenance = `${literal(identity.loadId)} AS load_id, ${instantLiteral(new Date())} AS loaded_at`
    await createRelations(engine, provenance, repeats)
    await createReceipts(engine, landed, identity.source, provenance)
    return await describe(engine, identity)
  })
}

/** Frees what the last batch took. */
export async function dropAll(engine: Engine): Promise<void> {
  for (const view of ['events', 'rejects', 'base']) await engine.run(`DROP VIEW IF EXISTS ${view}`)
  for (const table of TABLES) await engine.run(`DROP TABLE IF EXISTS ${table}`)
}

async function registerDocuments(engine: Engine, landed: readonly Landed[]): Promise<void> {
  await engine.run(
    'CREATE TABLE documents (ordinal INTEGER, document VARCHAR, version VARCHAR, first_row BIGINT, lines BIGINT)',
  )
  const appender = await engine.connection.createAppender('documents')
  let firstRow = 0
  for (const { ordinal, document, version, lines } of landed) {
    appender.appendInteger(ordinal)
    appender.appendVarchar(document.id)
    appender.appendVarchar(version)
    appender.appendBigInt(BigInt(firstRow))
    appender.appendBigInt(BigInt(lines))
    appender.endRow()
    firstRow += lines
  }
  appender.closeSync()
}

/** The engine's count of each document's lines must be landing's, or a line fell between the two. */
async function proveNoLineLost(engine: Engine, landed: readonly Landed[]): Promise<void> {
  const [off] = await engine.rows(`
    SELECT ordinal, lines, count(file) AS rows, coalesce(min(s.rowid), first_row) AS least, first_row
    FROM documents LEFT JOIN staged s ON s.file = ordinal
    GROUP BY ordinal, lines, first_row
    HAVING rows <> lines OR least <> first_row
    ORDER BY ordinal LIMIT 1`)
  if (off === undefined) return
  const document = landed[Number(off.ordinal)]?.document.id ?? ''
  throw new AuditError(
    `transforming ${printable(document)} failed: ${off.lines} lines were landed and ${off.rows} were read; nothing is loaded`,
    { advice: 'This is a fault of wandb-audit or of its engine: please report it with the document.' },
  )
}

async function walkFaultyLines(engine: Engine, landed: readonly Landed[], signal: AbortSignal): Promise<void> {
  const texts = RECORD_FIELDS.map((field) => `${quoted(field)} VARCHAR`).join(', ')
  await engine.run(`CREATE TABLE walked_texts (row BIGINT, file INTEGER, ${texts}, unknown VARCHAR)`)
  await engine.run('CREATE TABLE bad_lines (row BIGINT, file INTEGER, reason VARCHAR, message VARCHAR, raw VARCHAR)')
  const faulty = await engine.rows(`
    SELECT ordinal, first_row FROM documents SEMI JOIN (SELECT DISTINCT file FROM staged WHERE faulty) ON file = ordinal
    ORDER BY ordinal`)
  for (const { ordinal, first_row } of faulty) {
    signal.throwIfAborted()
    const document = landed[Number(ordinal)]
    if (document !== undefined) await walkDocument(engine, document, Number(first_row), signal)
  }
  const typedTexts = typed({ texts: 'FROM walked_texts', wide: true, passed: ['row', 'file'] })
  await engine.run(`CREATE TABLE walked AS ${typedTexts}`)
  const lost = await engine.number(`
    SELECT (SELECT count(*) FROM staged WHERE faulty) - (SELECT count(*) FROM bad_lines)
      - (SELECT count(*) FROM walked WHERE "timestamp" IS NOT NULL AND action IS NOT NULL)`)
  if (lost !== 0) {
    throw new AuditError(`transforming failed: the two readers disagree on ${lost} lines; nothing is loaded`, {
      advice: 'This is a fault of wandb-audit: please report it with the documents of this batch.',
    })
  }
}

async function walkDocument(engine: Engine, landed: Landed, firstRow: number, signal: AbortSignal): Promise<void> {
  const { ordinal } = landed
  const records = await engine.connection.createAppender('walked_texts')
  const rejects = await engine.connection.createAppender('bad_lines')
  for await (const { line, outcome } of walk(landed, faultyLines(engine, ordinal, firstRow))) {
    signal.throwIfAborted()
    const row = BigInt(firstRow + line - 1)
    if ('reject' in outcome) {
      const { reason, message, raw } = outcome.reject
      rejects.appendBigInt(row)
      rejects.appendInteger(ordinal)
      for (const text of [reason, message, raw]) rejects.appendVarchar(text)
      rejects.endRow()
      continue
    }
    records.appendBigInt(row)
    records.appendInteger(ordinal)
    for (const text of [...outcome.record.texts, outcome.record.unknown]) {
      if (text === null) records.appendNull()
      else records.appendVarchar(text)
    }
    records.endRow()
  }
  records.closeSync()
  rejects.closeSync()
}

/** Line numbers, rising, fetched some at a time: there may be millions. */
async function* faultyLines(engine: Engine, file: number, firstRow: number): AsyncGenerator<number> {
  for (let last = -1; ; ) {
    const rows = await engine.rows(
      `SELECT rowid AS row FROM staged WHERE faulty AND file = ${file} AND rowid > ${last} ORDER BY rowid LIMIT 50000`,
    )
    for (const { row } of rows) {
      last = Number(row)
      yield last - firstRow + 1
    }
    if (rows.length === 0) return
  }
}

async function createRelations(engine: Engine, provenance: string, repeats: boolean): Promise<void> {
  const columns = TYPED_COLUMNS.map(quoted).join(', ')
  const once = `SELECT row, file, ${columns}, 1 AS occurrences, 0 AS fills FROM base`
  const events = repeats
    ? `${once} ANTI JOIN repeated USING (content_hash) UNION ALL SELECT row, file, ${columns}, occurrences, fills FROM resolved`
    : once
  await engine.run(`
    CREATE OR REPLACE VIEW events AS
    SELECT ${columns}, document AS source_document, row - first_row + 1 AS source_line, ${provenance}, occurrences, fills
    FROM (${events}) JOIN documents ON ordinal = file`)
  await engine.run(`
    CREATE OR REPLACE VIEW rejects AS
    SELECT
      sha256(concat(strlen(document), ':', document, ',', strlen(raw), ':', raw, '#', repeat)) AS reject_id,
      document AS source_document, version AS document_version, row - first_row + 1 AS source_line,
      reason, message, raw, ${provenance}
    FROM (SELECT *, row_number() OVER (PARTITION BY file, raw ORDER BY row) - 1 AS repeat FROM bad_lines)
    JOIN documents ON ordinal = file`)
}

/** One row of audit_documents for each document: a file's range is that of its own events. */
async function createReceipts(
  engine: Engine,
  landed: readonly Landed[],
  source: string,
  provenance: string,
): Promise<void> {
  await engine.run(`CREATE TABLE asked (ordinal INTEGER, sha256 VARCHAR, bytes BIGINT, is_asked BOOLEAN,
    asked_from TIMESTAMPTZ, asked_to TIMESTAMPTZ)`)
  const appender = await engine.connection.createAppender('asked')
  for (const { ordinal, sha256, bytes, document } of landed) {
    appender.appendInteger(ordinal)
    appender.appendVarchar(sha256)
    appender.appendBigInt(BigInt(bytes))
    appender.appendBoolean(document.range !== null)
    for (const end of [document.range?.from, document.range?.to]) {
      if (end == null) appender.appendNull()
      else appender.appendTimestampTZ(new DuckDBTimestampTZValue(BigInt(end.getTime()) * 1000n))
    }
    appender.endRow()
  }
  appender.closeSync()
  await engine.run(`
    CREATE TABLE receipts AS
    SELECT ${literal(source)} AS source, document, version AS document_version, sha256, bytes,
      CASE WHEN is_asked THEN asked_from ELSE least END AS range_from,
      CASE WHEN is_asked THEN asked_to ELSE greatest END AS range_to,
      lines AS rows_read, coalesce(rejected, 0) AS rejected, ${provenance}
    FROM documents
    JOIN asked USING (ordinal)
    LEFT JOIN (SELECT file AS ordinal, min("timestamp") AS least, max("timestamp") AS greatest FROM base GROUP BY file)
      USING (ordinal)
    LEFT JOIN (SELECT file AS ordinal, count(*) AS rejected FROM bad_lines GROUP BY file) USING (ordinal)`)
}

async function describe(engine: Engine, identity: BatchIdentity): Promise<Batch> {
  const [totals = {}] = await engine.rows(`
    SELECT count(*) AS documents, sum(rows_read) AS rows, sum(rejected) AS rejected FROM receipts`)
  const [bounds = {}] = await engine.rows(
    'SELECT epoch_us(min("timestamp")) AS least, epoch_us(max("timestamp")) AS greatest FROM base',
  )
  return {
    ...identity,
    documents: Number(totals.documents),
    rowsRead: Number(totals.rows),
    rejected: Number(totals.rejected),
    events: { relation: 'events', bounds: boundsOf(bounds.least, bounds.greatest) },
    rejects: { relation: 'rejects' },
    receipts: { relation: 'receipts' },
    engine: engine.connection,
  }
}

function boundsOf(least: unknown, greatest: unknown): TimestampBounds | null {
  return typeof least === 'bigint' && typeof greatest === 'bigint' ? { least, greatest } : null
}
