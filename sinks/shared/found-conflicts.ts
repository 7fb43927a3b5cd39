/** Collects the conflicts of a batch while its days are merged. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { AUDIT_CONFLICTS } from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { conflictsOfLoad, gatheredConflicts } from './duckdb-merge.js'
import { rowsIn } from './parquet-rows.js'

const FOUND = 'lake_found'

/** SELECTs the conflicts of all days, each once. */
export const FOUND_CONFLICTS = gatheredConflicts(`(SELECT * EXCLUDE (day) FROM ${FOUND})`)

export const createFound = (engine: DuckDBConnection): Promise<unknown> =>
  engine.run(`CREATE OR REPLACE TABLE ${FOUND} AS SELECT *, '' AS day, 0 AS look FROM (${rowsIn(AUDIT_CONFLICTS, [])})`)

export const dropFound = (engine: DuckDBConnection): Promise<unknown> => engine.run(`DROP TABLE IF EXISTS ${FOUND}`)

/**
 * Finds the conflicts of a day. Replaces those found when the day was merged before.
 *
 * @param looks pairs for the merge rule: the batch against the rows before the merge, then against the merged rows; null to skip
 * @returns the number of contradicting values
 */
export async function findConflicts(batch: Batch, day: string, looks: readonly (string | null)[]): Promise<number> {
  const { engine } = batch
  const ofDay = `day = ${quotedString(day)}`
  await engine.run(`DELETE FROM ${FOUND} WHERE ${ofDay}`)
  if (looks.every((pairs) => pairs === null)) return 0
  for (const [look, pairs] of looks.entries()) {
    if (pairs === null) continue
    const found = conflictsOfLoad(batch, pairs)
    await engine.run(`INSERT INTO ${FOUND} SELECT *, ${quotedString(day)}, ${look} FROM (${found})`)
  }
  const sum = await engine.runAndReadAll(`SELECT sum(events) FROM ${FOUND} WHERE ${ofDay}`)
  return Number(sum.getRows()[0]?.[0] ?? 0)
}
