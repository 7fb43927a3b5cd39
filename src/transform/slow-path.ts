/** The slow path reads the lines that the bulk path marked. Each becomes a row of `slow_events` or of `rejected_lines`. */

import type { DuckDBAppender } from '@duckdb/node-api'
import { RECORD_FIELDS } from '../../schemas/tables.js'
import { quotedIdentifier } from '../duckdb/quoting.js'
import { AuditError, interrupted } from '../errors.js'
import type { SpoolFile } from '../landing/batches.js'
import type { Engine } from './engine.js'
import { EXTRA_FUNCTIONS } from './extras.js'
import { type Accepted, type Outcome, type Reject, readLineByLine } from './line-by-line.js'
import { digestOf, type LineBytes, rawPieces, rejectId } from './raw.js'
import { typed } from './typing.js'

/** Limits what the appenders buffer, because DuckDB's memory limit does not cover it. */
const HELD_CHARACTERS = 8 << 20

/** What the row of an export claims; null for the line of a log. */
const CLAIMS = ['claimed_hash', 'claimed_document', 'claimed_line', 'claimed_names_document']
const TEXTS = [
  'row BIGINT',
  'ordinal INTEGER',
  ...[...CLAIMS, ...RECORD_FIELDS, 'unknown', 'ids'].map((name) => `${quotedIdentifier(name)} VARCHAR`),
].join(', ')
const NO_CLAIMS = CLAIMS.map(() => null)

const SLOW_EVENTS = typed({
  texts: 'FROM slow_texts',
  ids: 'ids',
  sorted: (object) => `${EXTRA_FUNCTIONS.sorted}(${object})`,
  wide: true,
  passed: ['row', 'ordinal', ...CLAIMS],
})

/** Lines to be read one by one. */
export interface Wanted {
  /** SELECT of each line's `row` and `file`. */
  readonly rows: string
  read(line: LineBytes): Outcome
}

/**
 * Creates `slow_events`, typed rows with their `row` and `ordinal`; `rejected_lines`, whose `raw` is the first piece of a
 * line and whose `reject_id` is null when there is no other; and `reject_pieces`, the further pieces, numbered from 2.
 *
 * @param read what makes a record of a line
 */
export async function runSlowPath(
  engine: Engine,
  files: readonly SpoolFile[],
  read: Wanted['read'],
  signal: AbortSignal,
): Promise<void> {
  await engine.run(`
    CREATE TABLE rejected_lines (row BIGINT, ordinal INTEGER, reason VARCHAR, message VARCHAR, raw VARCHAR, reject_id VARCHAR)`)
  await engine.run('CREATE TABLE reject_pieces (reject_id VARCHAR, piece INTEGER, raw VARCHAR)')
  await engine.run(`CREATE TABLE slow_texts (${TEXTS})`)
  await engine.run(`CREATE TABLE slow_events AS ${SLOW_EVENTS} LIMIT 0`)
  await readSlowly(engine, files, { rows: 'SELECT rowid AS row, file FROM staged WHERE slow', read }, signal)
  const lost = await engine.number(`
    SELECT (SELECT count(*) FROM staged WHERE slow) - (SELECT count(*) FROM rejected_lines)
      - (SELECT count(*) FROM slow_events WHERE "timestamp" IS NOT NULL AND action IS NOT NULL)`)
  if (lost !== 0) {
    throw new AuditError(`transforming failed: the two readers disagree on ${lost} lines; nothing was loaded`, {
      advice: 'This is a bug in wandb-audit: please report it, with the documents of this batch.',
    })
  }
}

/** Reads the wanted lines into the tables of the slow path. */
export async function readSlowly(
  engine: Engine,
  files: readonly SpoolFile[],
  wanted: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const starts = await engine.rows(`
    SELECT file, min(first_row) AS first_row, min(ordinal) AS first_ordinal
    FROM documents SEMI JOIN (SELECT DISTINCT file FROM (${wanted.rows})) USING (file)
    GROUP BY file ORDER BY file`)
  const portion = await Portion.begin(engine)
  for (const { file, first_row, first_ordinal } of starts) {
    const spooled = files[Number(file)]
    if (spooled === undefined) continue
    const start = { file: Number(file), row: Number(first_row), ordinal: Number(first_ordinal) }
    await readFileSlowly(engine, portion, spooled, start, wanted, signal)
  }
  await portion.end()
}

interface Start {
  readonly file: number
  readonly row: number
  readonly ordinal: number
}

async function readFileSlowly(
  engine: Engine,
  portion: Portion,
  spooled: SpoolFile,
  start: Start,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const indexOf = documentIndexes(spooled)
  let current = -1
  let repeats = new Map<string, number>()
  for await (const { line, outcome } of readLineByLine(spooled, linesWanted(engine, wanted, start), wanted.read)) {
    if (signal.aborted) throw interrupted()
    const row = BigInt(start.row + line - 1)
    const index = indexOf(line)
    if (index !== current) repeats = new Map()
    current = index
    const ordinal = start.ordinal + index
    if ('record' in outcome) portion.record(row, ordinal, outcome)
    else portion.reject(row, ordinal, outcome.reject, spooled.documents[index]?.document.id ?? '', repeats)
    await portion.flushWhenLarge()
  }
}

/** The slow lines that may be in memory at once; the engine spills earlier ones. */
class Portion {
  private readonly engine: Engine
  private records: DuckDBAppender
  private readonly rejects: DuckDBAppender
  private readonly pieces: DuckDBAppender
  private held = 0
  private hasRecords = false

  private constructor(engine: Engine, appenders: readonly [DuckDBAppender, DuckDBAppender, DuckDBAppender]) {
    this.engine = engine
    ;[this.records, this.rejects, this.pieces] = appenders
  }

  static async begin(engine: Engine): Promise<Portion> {
    const { connection } = engine
    return new Portion(engine, [
      await connection.createAppender('slow_texts'),
      await connection.createAppender('rejected_lines'),
      await connection.createAppender('reject_pieces'),
    ])
  }

  record(row: bigint, ordinal: number, { record: { texts, unknown, ids }, claims }: Accepted): void {
    const { records } = this
    this.hasRecords = true
    records.appendBigInt(row)
    records.appendInteger(ordinal)
    for (const text of [...(claims ?? NO_CLAIMS), ...texts, unknown, ids]) this.append(records, text)
    records.endRow()
  }

  /** @param repeats how often each rejected line of several pieces has occurred in the document, by its digest */
  reject(row: bigint, ordinal: number, reject: Reject, document: string, repeats: Map<string, number>): void {
    const { rejects } = this
    const { line, encoding } = reject
    let id: string | null = null
    let piece = 0
    for (const raw of rawPieces(line, encoding)) {
      if (piece++ > 0) {
        id ??= longId(reject, document, repeats)
        this.pieces.appendVarchar(id)
        this.pieces.appendInteger(piece)
        this.append(this.pieces, raw)
        this.pieces.endRow()
        this.flushPieces()
        continue
      }
      rejects.appendBigInt(row)
      rejects.appendInteger(ordinal)
      for (const text of [reject.reason, reject.message, raw]) this.append(rejects, text)
    }
    this.append(rejects, id)
    rejects.endRow()
  }

  async flushWhenLarge(): Promise<void> {
    if (this.held > HELD_CHARACTERS) await this.flush()
  }

  async end(): Promise<void> {
    await this.flush()
    for (const appender of [this.records, this.rejects, this.pieces]) appender.closeSync()
  }

  /** Passes large rows on in small numbers, because the engine works on 2,048 rows at once, whatever their size. */
  private async flush(): Promise<void> {
    this.held = 0
    for (const appender of [this.rejects, this.pieces]) appender.flushSync()
    // Planning the statement takes a while.
    if (!this.hasRecords) return
    this.hasRecords = false
    this.records.closeSync()
    await this.engine.run(`INSERT INTO slow_events ${SLOW_EVENTS}`)
    await this.engine.run(`CREATE OR REPLACE TABLE slow_texts (${TEXTS})`)
    this.records = await this.engine.connection.createAppender('slow_texts')
  }

  private flushPieces(): void {
    if (this.held <= HELD_CHARACTERS) return
    this.pieces.flushSync()
    this.held = 0
  }

  private append(appender: DuckDBAppender, text: string | null): void {
    if (text === null) appender.appendNull()
    else appender.appendVarchar(text)
    this.held += text?.length ?? 0
  }
}

function longId({ line, encoding }: Reject, document: string, repeats: Map<string, number>): string {
  const digest = digestOf(line)
  const repeat = repeats.get(digest) ?? 0
  repeats.set(digest, repeat + 1)
  return rejectId(document, line, encoding, repeat)
}

/** Returns the index, among the file's documents, of the one to which a line belongs; to be called with ascending lines. */
function documentIndexes({ documents }: SpoolFile): (line: number) => number {
  let index = 0
  let end = documents[0]?.lines ?? 0
  return (line) => {
    while (line > end) end += documents[++index]?.lines ?? Number.POSITIVE_INFINITY
    return index
  }
}

/** Line numbers in ascending order, fetched in portions because there may be millions. */
async function* linesWanted(
  engine: Engine,
  { rows: wanted }: Wanted,
  { file, row: firstRow }: Start,
): AsyncGenerator<number> {
  for (let last = -1; ; ) {
    const rows = await engine.rows(
      `SELECT row FROM (${wanted}) WHERE file = ${file} AND row > ${last} ORDER BY row LIMIT 50000`,
    )
    for (const { row } of rows) {
      last = Number(row)
      yield last - firstRow + 1
    }
    if (rows.length === 0) return
  }
}
