/** The changes a batch makes to the files of the lake. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { AUDIT_EVENTS, type Table } from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { AuditError } from '../../src/errors.js'
import { type Day, dropDays } from '../shared/batch-days.js'
import type { EventCounts } from '../shared/counts.js'
import { KEY } from '../shared/duckdb-merge.js'
import { actionRows, refuseUnknownColumns } from '../shared/duckdb-tables.js'
import { countEvents, eventsIn, mergeEvents, mergeRows } from '../shared/event-merge.js'
import { findConflicts } from '../shared/found-conflicts.js'
import { asPattern, filed, rowsIn } from '../shared/parquet-rows.js'
import type { Written } from '../shared/written-rows.js'
import type { Change } from './file.js'
import {
  ACTIONS,
  CONFLICTS,
  DOCUMENTS,
  EVENTS,
  FINDINGS,
  fileOf,
  type Layout,
  LOADS,
  PRIVACY,
  REJECT_PIECES,
  REJECTS,
} from './layout.js'

const kept = ({ table }: Layout): string => `lake_${table.name}`

/** Drops the tables that the changes of a batch read from. */
export async function dropKept(engine: DuckDBConnection): Promise<void> {
  for (const layout of [CONFLICTS, REJECT_PIECES, REJECTS, DOCUMENTS, LOADS])
    await engine.run(`DROP TABLE IF EXISTS ${kept(layout)}`)
  await dropDays(engine)
}

/** Merging a day also finds its conflicts. */
export const changedDay = (who: string, batch: Batch, day: Day): Change<EventCounts> => ({
  ...fileOf(EVENTS, day.name),
  merge: (existing, target) => mergeDay(who, batch, day, existing, target),
})

async function mergeDay(
  who: string,
  batch: Batch,
  { name, bounds, events, fills, occurrences, selected }: Day,
  existing: string | null,
  target: string,
): Promise<{ changed: boolean; outcome: EventCounts }> {
  const { engine, loadId } = batch
  await refuseUnknown(who, engine, AUDIT_EVENTS, existing)
  const counted = existing === null ? [] : await rows(engine, countEvents([existing], selected.events, bounds, loadId))
  const [missing = events, inserted = events, filled = 0, filledNew = fills, contradicted = 0] =
    counted[0]?.map(Number) ?? []
  const changed = missing + filled > 0
  if (changed) {
    const before =
      existing === null ? 0 : await number(engine, `SELECT count(*) FROM (${rowsIn(AUDIT_EVENTS, [existing])})`)
    const written = await writeParquet(who, engine, mergeEvents(existing, selected.events, bounds), target)
    if (written !== before + missing) throw wrong(written, before + missing)
  }
  const pairs = (e: string, file: string): string => `(${e}) e JOIN ${eventsIn([file], bounds)} t ON ${KEY}`
  const merged = changed ? target : (existing ?? target)
  const conflicts = await findConflicts(batch, name, [
    existing === null || contradicted === 0 ? null : pairs(selected.events, existing),
    selected.readings === null ? null : pairs(selected.readings, merged),
  ])
  const enriched = filled + filledNew
  return { changed, outcome: { inserted, enriched, unchanged: occurrences - inserted - enriched, conflicts } }
}

const wrong = (rows: number, expected: number): AuditError =>
  new AuditError(`a day would end up with ${rows} events instead of ${expected}; none of them is loaded`, {
    advice: 'Either wandb-audit or DuckDB has a bug, or someone else changed the lake: please report it.',
  })

/** One change per file of the table that the relation has rows for. */
export async function changedRows(
  who: string,
  engine: DuckDBConnection,
  layout: Layout,
  relation: string,
  written: Written,
): Promise<Change<void>[]> {
  const { table, part } = layout
  await engine.run(
    `CREATE OR REPLACE TEMP TABLE ${kept(layout)} AS SELECT ${filed(table)}, ${part} AS part FROM ${relation}`,
  )
  const parts = await rows(engine, `SELECT DISTINCT part FROM ${kept(layout)} ORDER BY part`)
  return parts.map(([value]) => {
    const added = `SELECT * EXCLUDE (part) FROM ${kept(layout)} WHERE part = ${quotedString(String(value))}`
    return {
      ...fileOf(layout, String(value)),
      async merge(existing, target) {
        await refuseUnknown(who, engine, table, existing)
        const known = rowsIn(table, existing === null ? [] : [existing])
        const over = written(added, known, table.key.join(', '))
        const changed = (await number(engine, `SELECT count(*) FROM (${over})`)) > 0
        if (changed) await writeParquet(who, engine, mergeRows(table, over, known), target)
        return { changed, outcome: undefined }
      },
    }
  })
}

const FIRST: readonly (readonly [Layout, string])[] = [
  ...[REJECTS, REJECT_PIECES, CONFLICTS].map((layout) => [layout, '0'] as const),
  [PRIVACY, 'privacy'],
  [FINDINGS, 'findings'],
]

/** Files written before the first load, so that readers find every table's columns. */
export function firstFiles(who: string, connection: DuckDBConnection): Change<void>[] {
  const actions = `SELECT ${filed(ACTIONS.table)} FROM ${actionRows()}`
  const write = async (select: string, target: string) => {
    await writeParquet(who, connection, select, target)
    return { changed: true, outcome: undefined }
  }
  const unchangedFile = { changed: false, outcome: undefined }
  return [
    {
      ...fileOf(ACTIONS, 'actions'),
      async merge(existing, target) {
        await refuseUnknown(who, connection, ACTIONS.table, existing)
        const known = `(${rowsIn(ACTIONS.table, existing === null ? [] : [existing])})`
        const differing = `(FROM ${known} EXCEPT FROM (${actions})) UNION ALL (FROM (${actions}) EXCEPT FROM ${known})`
        return (await number(connection, `SELECT count(*) FROM (${differing})`)) === 0
          ? unchangedFile
          : write(actions, target)
      },
    },
    ...FIRST.map(([layout, part]) => ({
      ...fileOf(layout, part),
      merge: async (existing: string | null, target: string) =>
        existing === null ? write(rowsIn(layout.table, []), target) : unchangedFile,
    })),
  ]
}

/** @throws AuditError when the file has a column that would vanish from it */
export const refuseUnknown = (
  who: string,
  engine: DuckDBConnection,
  table: Table,
  existing: string | null,
): Promise<void> => refuseUnknownColumns(who, engine, table, existing === null ? [] : [asPattern(existing)])

const rows = async (engine: DuckDBConnection, sql: string) => (await engine.runAndReadAll(sql)).getRows()
const number = async (engine: DuckDBConnection, sql: string) => Number((await rows(engine, sql))[0]?.[0])
