/** What a batch changes on a UTC day: new events come in a file of their own, and only files whose events change are written again. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import type { Day } from '../shared/batch-days.js'
import type { EventCounts } from '../shared/counts.js'
import { KEY, RULE } from '../shared/duckdb-merge.js'
import { countEvents, countKnown, eventsIn, mergeEvents } from '../shared/event-merge.js'
import { findConflicts } from '../shared/found-conflicts.js'
import { rowsIn } from '../shared/parquet-rows.js'
import type { Add } from './actions.js'
import { type Changed, type NewFile, newFile, type Part } from './commit.js'
import { partitionOf, type Snapshot } from './snapshot.js'
import { mayHold } from './statistics.js'
import type { Tables } from './tables.js'

export const dayPart = (tables: Tables, batch: Batch, day: Day): Part<EventCounts> => ({
  mayMeet: (file) => isLookedFor(file, day),
  stage: (snapshot, signal) => stageDay(tables, batch, day, snapshot, signal),
})

const isLookedFor = (file: Add, { name, bounds }: Day): boolean => partitionOf(file) === name && mayHold(file, bounds)

/** Also finds the day's conflicts. */
async function stageDay(
  tables: Tables,
  batch: Batch,
  day: Day,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<Changed<EventCounts>> {
  const { engine, folder, loadId } = batch
  const { name, bounds, selected, occurrences } = day
  const files = [...snapshot.files.values()].filter((file) => isLookedFor(file, day))
  const copies = await tables.copies(AUDIT_EVENTS, files, signal)
  const { known, missing, inserted, filled, filledNew, contradicted } = await compared(engine, copies, day, loadId)

  const rewritten = filled === 0 ? [] : await rewriteFilled(tables, batch, day, files, copies)
  const added = rewritten.map(({ file }) => file)
  if (missing > 0) {
    const isNew = known === 0 ? '' : ` ANTI JOIN ${eventsIn(copies, bounds)} USING ("timestamp", content_hash)`
    const select = mergeEvents(null, `FROM (${selected.events})${isNew}`, bounds)
    const appended = await newFile(tables, engine, AUDIT_EVENTS, select, folder, name)
    if (appended.rows !== missing) throw wrong(appended.rows, missing)
    added.push(appended)
  }

  const pairs = (e: string, of: readonly string[]): string => `(${e}) e JOIN ${eventsIn(of, bounds)} t ON ${KEY}`
  const replaced = new Set(rewritten.map(({ over }) => over))
  const after = [...copies.filter((_, i) => !replaced.has(files[i] as Add)), ...added.map(({ local }) => local)]
  const conflicts = await findConflicts(batch, name, [
    contradicted === 0 ? null : pairs(selected.events, copies),
    selected.readings === null ? null : pairs(selected.readings, after),
  ])
  const enriched = filled + filledNew
  return {
    added,
    removed: [...replaced],
    outcome: { inserted, enriched, unchanged: occurrences - inserted - enriched, conflicts },
  }
}

/** Looks for the keys first: most loads bring nothing that is there, and need none of the other columns. */
async function compared(engine: DuckDBConnection, copies: readonly string[], day: Day, loadId: string) {
  const { events, fills, bounds, selected } = day
  const known = copies.length === 0 ? 0 : await firstNumber(engine, countKnown(copies, selected.events, bounds))
  if (known === 0) return { known, missing: events, inserted: events, filled: 0, filledNew: fills, contradicted: 0 }
  const result = await engine.runAndReadAll(countEvents(copies, selected.events, bounds, loadId))
  const [missing = 0, inserted = 0, filled = 0, filledNew = 0, contradicted = 0] = (result.getRows()[0] ?? []).map(
    Number,
  )
  return { known, missing, inserted, filled, filledNew, contradicted }
}

const firstNumber = async (engine: DuckDBConnection, sql: string): Promise<number> =>
  Number((await engine.runAndReadAll(sql)).getRows()[0]?.[0])

interface Rewritten {
  readonly over: Add
  readonly file: NewFile
}

/** Writes the files again that have events whose gaps are filled. */
async function rewriteFilled(
  tables: Tables,
  { engine, folder }: Batch,
  { name, bounds, selected }: Day,
  files: readonly Add[],
  copies: readonly string[],
): Promise<Rewritten[]> {
  const rewritten = []
  for (const [i, over] of files.entries()) {
    const copy = copies[i] ?? ''
    const filled = `SELECT 1 FROM (${selected.events}) e JOIN ${eventsIn([copy], bounds)} t ON ${KEY} WHERE ${RULE.changes}`
    const found = await engine.runAndReadAll(`${filled} LIMIT 1`)
    if (found.currentRowCount === 0) continue
    const before = await firstNumber(engine, `SELECT count(*) FROM (${rowsIn(AUDIT_EVENTS, [copy])})`)
    const select = mergeEvents(copy, selected.events, bounds, 'there')
    const file = await newFile(tables, engine, AUDIT_EVENTS, select, folder, name)
    if (file.rows !== before) throw wrong(file.rows, before)
    rewritten.push({ over, file })
  }
  return rewritten
}

const wrong = (rows: number, expected: number): AuditError =>
  new AuditError(`a file of audit_events would have ${rows} events instead of ${expected}; nothing is loaded`, {
    advice:
      'Run `wandb-audit verify`: if the table holds an event twice, another program wrote to it. If not, please report this.',
  })
