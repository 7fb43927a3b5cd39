/** What a batch has for which files of the lake. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { ACTIONS as DOCUMENTED } from '../../schemas/actions.js'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import type { Batch, LoadCounts, TimestampBounds } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import { writeParquet } from '../shared/parquet.js'
import type { Change } from './file.js'
import { ACTIONS, DOCUMENTS, EVENTS, filed, type Layout, LOADS, REJECTS, rowsIn, textLiteral } from './layout.js'
import { countEvents, mergeEvents, mergeRows, within } from './merge.js'

export type EventCounts = Pick<LoadCounts, 'inserted' | 'enriched' | 'unchanged'>

/** With more days than this, sorting the batch once costs less than a scan of it for each. */
const MOST_SCANS = 64

const SORTED_EVENTS = 'lake_events'
const kept = ({ table }: Layout): string => `lake_${table.name}`

/** Frees what the changes of a batch were read from. */
export async function dropKept(engine: DuckDBConnection): Promise<void> {
  for (const name of [SORTED_EVENTS, ...[REJECTS, DOCUMENTS, LOADS].map(kept)])
    await engine.run(`DROP TABLE IF EXISTS ${name}`)
}

interface Day {
  readonly bounds: TimestampBounds
  readonly events: number
  readonly fills: number
  readonly occurrences: number
}

/** One change for each UTC day that the batch has events of. */
export async function changedDays(who: string, batch: Batch): Promise<Change<EventCounts>[]> {
  const { engine } = batch
  const { relation } = batch.events
  const days = await rows(
    engine,
    `SELECT ${EVENTS.part} AS day, epoch_us(min("timestamp")), epoch_us(max("timestamp")), count(*), sum(fills), sum(occurrences)
     FROM ${relation} GROUP BY day ORDER BY day`,
  )
  const sorted = days.length > MOST_SCANS
  if (sorted) await engine.run(`CREATE OR REPLACE TEMP TABLE ${SORTED_EVENTS} AS FROM ${relation} ORDER BY "timestamp"`)
  return days.map(([name, least, greatest, ...counts]) => {
    const [events = 0, fills = 0, occurrences = 0] = counts.map(Number)
    const day = { bounds: { least: least as bigint, greatest: greatest as bigint }, events, fills, occurrences }
    const select = `FROM ${sorted ? SORTED_EVENTS : relation} WHERE ${within(day.bounds)}`
    return {
      file: EVENTS.file(String(name)),
      merge: (there, target) => mergeDay(who, batch, day, select, there, target),
    }
  })
}

async function mergeDay(
  who: string,
  { engine, loadId }: Batch,
  { bounds, events, fills, occurrences }: Day,
  select: string,
  there: string | null,
  target: string,
): Promise<{ changed: boolean; outcome: EventCounts }> {
  const became = (inserted: number, enriched: number): EventCounts => ({
    inserted,
    enriched,
    unchanged: occurrences - inserted - enriched,
  })
  const write = async (expected: number): Promise<void> => {
    const written = await writeParquet(who, engine, mergeEvents(there, select, bounds), target)
    if (written !== expected) throw wrong(written, expected)
  }
  if (there === null) {
    await write(events)
    return { changed: true, outcome: became(events, fills) }
  }
  const [counted = []] = await rows(engine, countEvents(there, select, bounds, loadId))
  const [missing = 0, inserted = 0, filled = 0, filledNew = 0] = counted.map(Number)
  const changed = missing + filled > 0
  if (changed) await write(missing + (await number(engine, `SELECT count(*) FROM (${rowsIn(AUDIT_EVENTS, [there])})`)))
  return { changed, outcome: became(inserted, filled + filledNew) }
}

const wrong = (rows: number, expected: number): AuditError =>
  new AuditError(`a day would have ${rows} events where it should have ${expected}; nothing of it is loaded`, {
    advice: 'This is a fault of wandb-audit or of DuckDB, or somebody else has changed the lake: please report it.',
  })

/** Which of two rows with the same key stays. */
type Stays = 'there' | 'new'

/** One change for each file of the table that rows of the relation belong to. */
export async function changedRows(
  who: string,
  engine: DuckDBConnection,
  layout: Layout,
  relation: string,
  stays: Stays,
): Promise<Change<void>[]> {
  const { table, part } = layout
  await engine.run(
    `CREATE OR REPLACE TEMP TABLE ${kept(layout)} AS SELECT ${filed(table)}, ${part} AS part FROM ${relation}`,
  )
  const parts = await rows(engine, `SELECT DISTINCT part FROM ${kept(layout)} ORDER BY part`)
  return parts.map(([value]) => {
    const added = `SELECT * EXCLUDE (part) FROM ${kept(layout)} WHERE part = ${textLiteral(String(value))}`
    return {
      file: layout.file(String(value)),
      async merge(there, target) {
        const known = rowsIn(table, there === null ? [] : [there])
        const missing = `SELECT count(*) FROM (${added}) ANTI JOIN (${known}) USING (${table.key.join(', ')})`
        const changed = stays === 'new' || (await number(engine, missing)) > 0
        const [first, second] = stays === 'new' ? [added, known] : [known, added]
        if (changed) await writeParquet(who, engine, mergeRows(table, first, second), target)
        return { changed, outcome: undefined }
      },
    }
  })
}

/** The batch's own row of audit_loads. */
export function loadRow(
  { loadId, documents, startedAt, loaderVersion }: Batch,
  { read, inserted, enriched, unchanged, rejected }: LoadCounts,
  finishedAt: Date,
): string {
  return valuesOf(LOADS, [
    [loadId, documents, read, inserted, enriched, unchanged, rejected, startedAt, finishedAt, loaderVersion],
  ])
}

/** The tables that hold something before the first load, so that whoever reads them finds their columns. */
export function firstFiles(who: string, connection: DuckDBConnection): Change<void>[] {
  const actions = valuesOf(
    ACTIONS,
    DOCUMENTED.map(({ action, object, verb, category, destructive, definition }) => [
      ...[action, object, verb, category, destructive, definition],
    ]),
  )
  const write = async (select: string, target: string) => {
    await writeParquet(who, connection, select, target)
    return { changed: true, outcome: undefined }
  }
  const asItIs = { changed: false, outcome: undefined }
  return [
    {
      file: ACTIONS.file('actions'),
      async merge(there, target) {
        const known = `(${rowsIn(ACTIONS.table, there === null ? [] : [there])})`
        const differing = `(FROM ${known} EXCEPT FROM (${actions})) UNION ALL (FROM (${actions}) EXCEPT FROM ${known})`
        return (await number(connection, `SELECT count(*) FROM (${differing})`)) === 0 ? asItIs : write(actions, target)
      },
    },
    {
      file: REJECTS.file('0'),
      merge: async (there, target) => (there === null ? write(rowsIn(REJECTS.table, []), target) : asItIs),
    },
  ]
}

type Constant = string | number | boolean | Date

/** SELECTs rows of the table from constants of ours. */
function valuesOf({ table }: Layout, values: readonly (readonly Constant[])[]): string {
  const constant = (value: Constant | undefined): string => {
    if (value instanceof Date) return `TIMESTAMPTZ ${textLiteral(value.toISOString())}`
    return typeof value === 'string' ? textLiteral(value) : String(value)
  }
  const select = (row: readonly Constant[]): string => {
    const byName = new Map(table.columns.map(({ name }, i) => [name, row[i]]))
    return `SELECT ${filed(table, (name) => constant(byName.get(name)))}`
  }
  return values.map(select).join(' UNION ALL ')
}

const rows = async (engine: DuckDBConnection, sql: string) => (await engine.runAndReadAll(sql)).getRows()
const number = async (engine: DuckDBConnection, sql: string) => Number((await rows(engine, sql))[0]?.[0])
