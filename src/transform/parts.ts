/** Parts of a transformed document, for a sink that refuses the whole. */

import type { Batch } from '../contract.js'
import { quotedString } from '../duckdb/quoting.js'
import { newLoadId } from '../load-id.js'
import type { Engine } from './engine.js'
import { boundsOf } from './transform.js'

export interface Part {
  readonly batch: Batch
  /** Number of events and rejects. */
  readonly rows: number
  /** The first line among them. */
  readonly line: number
}

/**
 * Takes every n-th line, with the hashes and provenance that the rows have in the whole; without the receipt.
 *
 * @param whole a batch of one document, in which each event and each reject comes from one line
 */
export async function partOf(engine: Engine, whole: Batch, n: number, first: number): Promise<Part> {
  const loadId = newLoadId()
  const chosen = (line: string): string => `WHERE ${line} % ${n} = ${first}`
  await create(engine, 'events', `${renamed(whole.events.relation, loadId)} ${chosen('line')}`)
  await create(engine, 'appearances', `FROM ${whole.appearances.relation} ${chosen('line')}`)
  await create(engine, 'rejects', `${renamed(whole.rejects.relation, loadId)} ${chosen('source_line')}`)
  await create(engine, 'pieces', `FROM ${whole.pieces.relation} SEMI JOIN part_rejects USING (reject_id)`)
  await create(engine, 'receipts', `${renamed(whole.receipts.relation, loadId)} LIMIT 0`)
  const [facts = {}] = await engine.rows(`
    SELECT epoch_us(min("timestamp")) AS least, epoch_us(max("timestamp")) AS greatest, count(*) AS events,
      (SELECT count(*) FROM part_rejects) AS rejected, (SELECT count(*) FROM part_pieces) AS pieces,
      coalesce(min(line), (SELECT min(source_line) FROM part_rejects)) AS line
    FROM part_events`)
  const [rows, rejected] = [Number(facts.events) + Number(facts.rejected), Number(facts.rejected)]
  const bounds = boundsOf(facts.least, facts.greatest)
  return {
    batch: {
      ...partial(whole, { loadId, documents: 0, rowsRead: rows, rejected }, bounds),
      pieces: { relation: 'part_pieces', rows: Number(facts.pieces) },
    },
    rows,
    line: Number(facts.line),
  }
}

/**
 * Turns a line that the sink refuses into a reject.
 *
 * @param raw    the line in base64, which cannot contain whatever the sink objects to
 * @param shown  expression for what the sink gets of `raw`
 * @param repeat how many equal lines of the document were refused before
 */
export async function refusedLine(
  engine: Engine,
  whole: Batch,
  { line, raw, message, repeat }: { line: number; raw: string; message: string; repeat: number },
  shown: string,
): Promise<Batch> {
  const loadId = newLoadId()
  await engine.run('CREATE OR REPLACE TABLE part_raw (raw VARCHAR)')
  const appender = await engine.connection.createAppender('part_raw')
  appender.appendVarchar(raw)
  appender.endRow()
  appender.closeSync()
  await create(engine, 'events', `${renamed(whole.events.relation, loadId)} LIMIT 0`)
  await create(engine, 'appearances', `FROM ${whole.appearances.relation} LIMIT 0`)
  await create(
    engine,
    'rejects',
    `SELECT sha256(concat(strlen(document), ':', document, ',', strlen(raw), ':', raw, '#', ${repeat})) AS reject_id,
      document AS source_document, document_version, ${line}::BIGINT AS source_line, 'sink_refused' AS reason,
      ${quotedString(message)} AS message, ${shown} AS raw, ${quotedString(loadId)} AS load_id, loaded_at
    FROM ${whole.receipts.relation}, part_raw`,
  )
  await create(engine, 'receipts', `${renamed(whole.receipts.relation, loadId)} LIMIT 0`)
  return partial(whole, { loadId, documents: 0, rowsRead: 1, rejected: 1 }, null)
}

/**
 * The receipt of a document whose rows have been loaded.
 *
 * @param refused how many of its events became rejects
 */
export async function receiptOf(engine: Engine, whole: Batch, refused: number): Promise<Batch> {
  const loadId = newLoadId()
  await create(engine, 'events', `${renamed(whole.events.relation, loadId)} LIMIT 0`)
  await create(engine, 'appearances', `FROM ${whole.appearances.relation} LIMIT 0`)
  await create(engine, 'rejects', `${renamed(whole.rejects.relation, loadId)} LIMIT 0`)
  await create(
    engine,
    'receipts',
    `SELECT * REPLACE (${quotedString(loadId)} AS load_id, rejected + ${refused} AS rejected) FROM ${whole.receipts.relation}`,
  )
  return partial(whole, { loadId, documents: 1, rowsRead: 0, rejected: 0 }, null)
}

type Relation = 'events' | 'appearances' | 'rejects' | 'pieces' | 'receipts'

const create = (engine: Engine, relation: Relation, select: string): Promise<void> =>
  engine.run(`CREATE OR REPLACE VIEW part_${relation} AS ${select}`)

/** Gives each part its own load id, by which warehouses recognise a load that is submitted twice. */
const renamed = (relation: string, loadId: string): string =>
  `SELECT * REPLACE (${quotedString(loadId)} AS load_id) FROM ${relation}`

function partial(
  whole: Batch,
  counts: Pick<Batch, 'loadId' | 'documents' | 'rowsRead' | 'rejected'>,
  bounds: Batch['events']['bounds'],
): Batch {
  return {
    ...whole,
    ...counts,
    startedAt: new Date(),
    events: { relation: 'part_events', bounds },
    appearances: { ...whole.appearances, relation: 'part_appearances' },
    rejects: { relation: 'part_rejects' },
    pieces: { ...whole.pieces, rows: 0 },
    receipts: { relation: 'part_receipts' },
  }
}
