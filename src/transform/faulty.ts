/** The lines that the bulk path marked: each becomes a row of `walked`, or of `bad_lines` with its reason. */

import { RECORD_FIELDS } from '../../schemas/tables.js'
import { AuditError } from '../errors.js'
import type { SpoolFile } from '../extract/batches.js'
import type { Engine } from './engine.js'
import { EXTRA_FUNCTIONS } from './extras.js'
import { quoted } from './sql.js'
import { typed } from './typing.js'
import { walk } from './walk.js'

/** What an appender holds back counts nowhere against the engine's limit of memory. */
const HELD_CHARACTERS = 16 << 20

export async function walkFaultyLines(engine: Engine, files: readonly SpoolFile[], signal: AbortSignal): Promise<void> {
  const texts = RECORD_FIELDS.map((field) => `${quoted(field)} VARCHAR`).join(', ')
  await engine.run(`CREATE TABLE walked_texts (row BIGINT, ordinal INTEGER, ${texts}, unknown VARCHAR, ids VARCHAR)`)
  await engine.run('CREATE TABLE bad_lines (row BIGINT, ordinal INTEGER, reason VARCHAR, message VARCHAR, raw VARCHAR)')
  const faulty = await engine.rows(`
    SELECT file, min(first_row) AS first_row, min(ordinal) AS first_ordinal
    FROM documents SEMI JOIN (SELECT DISTINCT file FROM staged WHERE faulty) USING (file)
    GROUP BY file ORDER BY file`)
  for (const { file, first_row, first_ordinal } of faulty) {
    signal.throwIfAborted()
    const spooled = files[Number(file)]
    if (spooled === undefined) continue
    await walkFile(
      engine,
      spooled,
      { file: Number(file), row: Number(first_row), ordinal: Number(first_ordinal) },
      signal,
    )
  }
  const typedTexts = typed({
    texts: 'FROM walked_texts',
    ids: 'ids',
    sorted: (object) => `${EXTRA_FUNCTIONS.sorted}(${object})`,
    wide: true,
    passed: ['row', 'ordinal'],
  })
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

interface Start {
  readonly file: number
  readonly row: number
  readonly ordinal: number
}

async function walkFile(engine: Engine, spooled: SpoolFile, start: Start, signal: AbortSignal): Promise<void> {
  const records = await engine.connection.createAppender('walked_texts')
  const rejects = await engine.connection.createAppender('bad_lines')
  const ordinalOf = ordinals(spooled, start.ordinal)
  let held = 0
  for await (const { line, outcome } of walk(spooled, faultyLines(engine, start))) {
    signal.throwIfAborted()
    if (held > HELD_CHARACTERS) {
      for (const appender of [records, rejects]) appender.flushSync()
      held = 0
    }
    const row = BigInt(start.row + line - 1)
    const ordinal = ordinalOf(line)
    if ('reject' in outcome) {
      const { reason, message, raw } = outcome.reject
      rejects.appendBigInt(row)
      rejects.appendInteger(ordinal)
      for (const text of [reason, message, raw]) rejects.appendVarchar(text)
      held += raw.length
      rejects.endRow()
      continue
    }
    records.appendBigInt(row)
    records.appendInteger(ordinal)
    const { texts, unknown, ids } = outcome.record
    for (const text of [...texts, unknown, ids]) {
      if (text === null) records.appendNull()
      else records.appendVarchar(text)
      held += text?.length ?? 0
    }
    records.endRow()
  }
  records.closeSync()
  rejects.closeSync()
}

/** Whose line it is; to be asked for rising lines. */
function ordinals({ documents }: SpoolFile, first: number): (line: number) => number {
  let place = 0
  let end = documents[0]?.lines ?? 0
  return (line) => {
    while (line > end) end += documents[++place]?.lines ?? Number.POSITIVE_INFINITY
    return first + place
  }
}

/** Line numbers, rising, fetched some at a time: there may be millions. */
async function* faultyLines(engine: Engine, { file, row: firstRow }: Start): AsyncGenerator<number> {
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
