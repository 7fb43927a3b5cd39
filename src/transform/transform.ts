/** Turns a batch of landed documents into the relations `events`, `rejects` and `receipts`. */

import { availableParallelism } from 'node:os'
import { AUDIT_EVENTS, FILLED_FIELDS, NAME_FIELDS } from '../../schemas/tables.js'
import type { Batch, DayRange, TimestampBounds } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import { instantLiteral, quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import type { SpoolFile } from '../landing/batches.js'
import { NO_PRIVACY, type Privacy } from '../privacy/shown.js'
import { type PrivateSql, privateSql } from '../privacy/sql.js'
import { createReceipts, proveNoLineLost, registerDocuments, stagedByDocument, within } from './documents.js'
import type { Engine } from './engine.js'
import { inspect } from './line-by-line.js'
import { type Refusal, refuseMostlyRejected } from './mostly-rejected.js'
import { bufferBytes, readEvents, readRows } from './read.js'
import { createResolved, hasRepeats, oneLine } from './repeats.js'
import { isExport, proveRows } from './restore.js'
import { inspectRow } from './rows.js'
import { runSlowPath } from './slow-path.js'

/** The columns that `typed` returns: those of audit_events before the provenance. */
export const TYPED_COLUMNS = AUDIT_EVENTS.columns
  .filter((column) => column.class !== 'provenance')
  .map(({ name }) => name)

const VIEWS = [
  'part_events',
  'part_appearances',
  'part_rejects',
  'part_pieces',
  'part_receipts',
  'events',
  'appearances',
  'rejects',
  'numbered',
  'base',
  'everything',
]
const TABLES = [
  'documents',
  'staged',
  'line_documents',
  'slow_texts',
  'slow_events',
  'rejected_lines',
  'reject_pieces',
  'hidden_rejects',
  'repeated',
  'combined',
  'resolved',
  'readings',
  'receipts',
  'part_raw',
  'unproven',
  'unfit',
]

export interface BatchIdentity {
  readonly source: string
  readonly loadId: string
  readonly startedAt: Date
  readonly loaderVersion: string
  readonly folder: string
  /** Selects events by day in documents that are not themselves windows of days; the other events are skipped. */
  readonly range: DayRange
  /** How many rejects a document may have if they are most of its lines; undefined when not given. */
  readonly maxRejects?: number | undefined
  /** What sinks get of names and addresses; everything when absent. */
  readonly privacy?: Privacy
}

export interface Transformed extends Batch {
  /** Documents left out of the batch because most of their lines are rejects. */
  readonly refused: readonly Refusal[]
}

/**
 * @param files spool files with the documents, in order
 * @throws AuditError when a line is not accounted for
 */
export async function transform(
  engine: Engine,
  files: readonly SpoolFile[],
  identity: BatchIdentity,
  signal: AbortSignal,
): Promise<Transformed> {
  const { privacy = NO_PRIVACY } = identity
  const shown = privateSql(privacy)
  return interruptible(engine.connection, signal, async () => {
    shown.register(engine.connection)
    await dropAll(engine)
    await registerDocuments(engine, files, identity.range)
    const paths = files.map(({ path }) => path)
    const restores = isExport(files)
    const buffer = bufferBytes(Math.max(...files.map(textBytes)), engine.memoryLimit, availableParallelism())
    await engine.run(`CREATE TABLE staged AS ${restores ? readRows(paths) : readEvents(paths, buffer)}`)
    await proveNoLineLost(engine, files)
    await runSlowPath(engine, files, restores ? inspectRow : inspect, signal)
    if (restores) await proveRows(engine, files, signal)
    const refused = await refuseMostlyRejected(engine, files, identity.maxRejects)
    const passedOver = await createBase(engine, files, identity.range, refused.length > 0)
    await createEmpty(engine)
    // The rows of an export have their numbers already.
    const repeats = !restores && (await hasRepeats(engine))
    const documents = files.reduce((sum, file) => sum + file.documents.length, 0)
    if (repeats) await createResolved(engine, documents, shown)
    for (const statement of shown.hidePieces) await engine.run(statement)
    const provenance = `${quotedString(identity.loadId)} AS load_id, ${instantLiteral(new Date())} AS loaded_at`
    await createRelations(engine, provenance, { repeats, restores, shown })
    await createReceipts(engine, identity.source, provenance, passedOver)
    // Two rows of an export may be the same event.
    return { ...(await describe(engine, identity, restores || (repeats && documents > 1))), refused }
  })
}

const textBytes = ({ documents }: SpoolFile): number => documents.reduce((sum, document) => sum + document.textBytes, 0)

/** Frees the memory of the last batch. */
export async function dropAll(engine: Engine): Promise<void> {
  const drops = [
    ...VIEWS.map((view) => `DROP VIEW IF EXISTS ${view}`),
    ...TABLES.map((table) => `DROP TABLE IF EXISTS ${table}`),
  ]
  await engine.run(drops.join('; '))
}

/**
 * Creates `base`: the rows that are events; `row` counts the lines of the batch from 0.
 *
 * @returns a SELECT of the ordinals of events that lie outside the range; null when there can be none
 */
async function createBase(
  engine: Engine,
  files: readonly SpoolFile[],
  range: DayRange,
  someRefused: boolean,
): Promise<string | null> {
  const staged = await stagedByDocument(engine, files)
  await engine.run(`
    CREATE VIEW everything AS
    SELECT * EXCLUDE (slow) FROM (${staged}) ${someRefused ? 'SEMI JOIN documents USING (ordinal)' : ''} WHERE NOT slow
    UNION ALL BY NAME SELECT * FROM slow_events`)
  const chosen = files.some(({ documents }) => documents.some(({ document }) => document.range !== null))
    ? null
    : within('"timestamp"', range)
  await engine.run(`CREATE VIEW base AS FROM everything ${chosen === null ? '' : `WHERE ${chosen}`}`)
  return chosen === null ? null : `SELECT ordinal FROM everything WHERE NOT (${chosen})`
}

/** Creates `readings`, empty; in most batches it stays so. */
async function createEmpty(engine: Engine): Promise<void> {
  const filled = FILLED_FIELDS.map(quotedIdentifier).join(', ')
  await engine.run(
    `CREATE TABLE readings AS SELECT "timestamp", content_hash, ${filled}, '' AS document FROM base LIMIT 0`,
  )
}

interface RelationOptions {
  readonly repeats: boolean
  /** Whether each row says itself where its event came from. */
  readonly restores: boolean
  readonly shown: PrivateSql
}

async function createRelations(
  engine: Engine,
  provenance: string,
  { repeats, restores, shown }: RelationOptions,
): Promise<void> {
  const columns = TYPED_COLUMNS.map(quotedIdentifier).join(', ')
  const names = restores ? 'claimed_names_document' : 'NULL'
  const claims = restores ? ', claimed_document, claimed_line' : ''
  const single = repeats ? 'base ANTI JOIN repeated USING (content_hash)' : 'base'
  const once = shown.events(
    `SELECT row, ordinal, ${columns}, 1 AS occurrences, 0 AS fills, ${names} AS names_document${claims} FROM ${single}`,
  )
  const events = repeats
    ? `${once}
      UNION ALL SELECT row, ordinal, ${columns}, occurrences, fills, names_document FROM resolved`
    : once
  await engine.run(`
    CREATE OR REPLACE VIEW events AS
    SELECT ${columns}, ${restores ? 'coalesce(claimed_document, document)' : 'document'} AS source_document,
      ${restores ? 'CAST(claimed_line AS BIGINT)' : 'row - first_row + 1'} AS source_line, ${provenance},
      CASE WHEN coalesce(${NAME_FIELDS.map(quotedIdentifier).join(', ')}) IS NOT NULL
        THEN ${restores ? 'names_document' : `coalesce(names_document, ${oneLine('document')})`} END AS names_document,
      occurrences, fills, row - first_row + 1 AS line
    FROM (${events}) JOIN documents USING (ordinal)`)
  const key = 'row, ordinal, "timestamp", action, content_hash'
  await engine.run(`
    CREATE OR REPLACE VIEW appearances AS
    SELECT document, "timestamp", action, content_hash, row - first_row + 1 AS line
    FROM (SELECT ${key} FROM ${single} ${repeats ? `UNION ALL SELECT ${key} FROM numbered` : ''})
    JOIN documents USING (ordinal)`)
  await engine.run(`
    CREATE OR REPLACE VIEW rejects AS
    SELECT
      coalesce(reject_id,
        sha256(concat(strlen(document), ':', document, ',', strlen(raw), ':', raw, '#', repeat))) AS reject_id,
      document AS source_document, version AS document_version, row - first_row + 1 AS source_line,
      reason, message,
      CASE WHEN reject_id IN (SELECT reject_id FROM hidden_rejects) THEN '' ELSE ${shown.raw} END AS raw, ${provenance}
    FROM (SELECT *, row_number() OVER (PARTITION BY ordinal, raw, reject_id IS NULL ORDER BY row) - 1 AS repeat FROM rejected_lines)
    JOIN documents USING (ordinal)`)
}

async function describe(engine: Engine, identity: BatchIdentity, mayRepeat: boolean): Promise<Batch> {
  const [totals = {}] = await engine.rows(`
    SELECT count(*) AS documents, sum(rows_read) AS rows, sum(rejected) AS rejected FROM receipts`)
  const [bounds = {}] = await engine.rows(
    'SELECT epoch_us(min("timestamp")) AS least, epoch_us(max("timestamp")) AS greatest FROM base',
  )
  const { loadId, source, startedAt, loaderVersion, folder } = identity
  return {
    ...{ loadId, source, startedAt, loaderVersion, folder },
    documents: Number(totals.documents),
    rowsRead: Number(totals.rows),
    rejected: Number(totals.rejected),
    events: { relation: 'events', bounds: boundsOf(bounds.least, bounds.greatest) },
    readings: { relation: 'readings', rows: await engine.number('SELECT count(*) FROM readings') },
    appearances: { relation: 'appearances', mayRepeat },
    rejects: { relation: 'rejects' },
    pieces: { relation: 'reject_pieces', rows: await engine.number('SELECT count(*) FROM reject_pieces') },
    receipts: { relation: 'receipts' },
    engine: engine.connection,
    connect: () => engine.connect(),
  }
}

export function boundsOf(least: unknown, greatest: unknown): TimestampBounds | null {
  return typeof least === 'bigint' && typeof greatest === 'bigint' ? { least, greatest } : null
}
