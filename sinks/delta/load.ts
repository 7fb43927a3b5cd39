/** Loads a batch: merges everything into local files, proves the counts, then commits table after table. */

import {
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  type Table,
} from '../../schemas/tables.js'
import { tidied } from '../../src/cleanup.js'
import type { Batch, LoadCounts } from '../../src/contract.js'
import { interruptible } from '../../src/duckdb/connection.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { interrupted } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { daysOf, dropDays } from '../shared/batch-days.js'
import { type EventCounts, provenCounts, totalCounts } from '../shared/counts.js'
import { loadRow } from '../shared/duckdb-tables.js'
import { FOUND_CONFLICTS } from '../shared/found-conflicts.js'
import { sideBySide } from '../shared/lanes.js'
import { ALL, MISSING, MORE_EVENTS, type Written } from '../shared/written-rows.js'
import { authorOf, publish, type Staged, stage, writable } from './commit.js'
import { dayPart } from './days.js'
import { maintain } from './maintenance.js'
import { dropKept, rowsPart } from './rows.js'
import type { Tables } from './tables.js'

interface StagedBatch {
  readonly events: Staged<EventCounts> | null
  readonly conflicts: Staged<void> | null
  /** In the order of their commits. */
  readonly rejects: readonly Staged<void>[]
  readonly receipts: Staged<void>
}

/**
 * Until the first commit, a failure or an interrupt leaves the tables unchanged. From then on an abort is ignored, as during a
 * commit.
 *
 * @param onNotice told when the tables could not be maintained after the load; null to leave that to an engine
 */
export async function loadBatch(
  tables: Tables,
  batch: Batch,
  onNotice: ((text: string) => void) | null,
  signal: AbortSignal,
): Promise<LoadCounts> {
  const { engine } = batch
  const tidy = async (): Promise<void> => {
    await dropKept(engine)
    await dropDays(engine)
  }
  return tidied(async () => {
    try {
      const staged = await interruptible(engine, signal, () => stageBatch(tables, batch, signal))
      if (signal.aborted) throw interrupted()
      const counts = await publishBatch(tables, batch, staged)
      if (onNotice !== null) await maintained(tables, batch, onNotice, signal)
      return counts
    } catch (error) {
      throw signal.aborted ? interrupted() : duckdbError(tables.lake.id, error)
    }
  }, tidy)
}

const stagedRows = async (
  tables: Tables,
  { engine, folder }: Batch,
  table: Table,
  relation: string,
  written: Written,
  signal: AbortSignal,
): Promise<Staged<void>> =>
  stage(tables, table, [await rowsPart(tables, engine, table, relation, written, folder)], signal)

async function stageBatch(tables: Tables, batch: Batch, signal: AbortSignal): Promise<StagedBatch> {
  const { pieces, rejects, receipts } = batch
  const rows = (table: Table, relation: string, written: Written): Promise<Staged<void>> =>
    stagedRows(tables, batch, table, relation, written, signal)
  const events = await stageEvents(tables, batch, signal)
  const { conflicts } = provenCounts(batch, totalCounts(events?.changed.map(({ outcome }) => outcome) ?? []))
  return {
    events,
    conflicts: conflicts === 0 ? null : await rows(AUDIT_CONFLICTS, `(${FOUND_CONFLICTS})`, MORE_EVENTS),
    rejects: [
      ...(pieces.rows === 0 ? [] : [await rows(AUDIT_REJECT_PIECES, pieces.relation, MISSING)]),
      ...(batch.rejected === 0 ? [] : [await rows(AUDIT_REJECTS, rejects.relation, MISSING)]),
    ],
    receipts: await rows(AUDIT_DOCUMENTS, receipts.relation, ALL),
  }
}

async function stageEvents(tables: Tables, batch: Batch, signal: AbortSignal): Promise<Staged<EventCounts> | null> {
  if (batch.events.bounds === null) return null
  const days = await daysOf(batch)
  const over = await writable(tables, AUDIT_EVENTS, signal)
  const changed = await sideBySide(batch, signal, days, (day, own) => dayPart(tables, own, day).stage(over, signal))
  // Should they be made again, their own connections will be closed.
  return { table: AUDIT_EVENTS, parts: days.map((day) => dayPart(tables, batch, day)), over, changed }
}

/**
 * Conflicts first: once the API's name has displaced another one, audit_conflicts is its only copy. Receipts last: if
 * the load ends halfway, the next run reads the documents without receipts again and finds the rows that exist.
 */
async function publishBatch(tables: Tables, batch: Batch, staged: StagedBatch): Promise<LoadCounts> {
  const author = authorOf(batch.loadId)
  const put = <T>(part: Staged<T>): Promise<T[]> => publish(tables, part, author, 'MERGE')
  const putRows = async (table: Table, relation: string, written: Written): Promise<void> => {
    await put(await stagedRows(tables, batch, table, relation, written, NEVER_ABORTED))
  }
  if (staged.conflicts !== null) await put(staged.conflicts)
  const onStagedAgain = async (outcomes: readonly EventCounts[]): Promise<void> => {
    provenCounts(batch, totalCounts(outcomes))
    await putRows(AUDIT_CONFLICTS, `(${FOUND_CONFLICTS})`, MORE_EVENTS)
  }
  const events = staged.events === null ? [] : await publish(tables, staged.events, author, 'MERGE', onStagedAgain)
  for (const part of staged.rejects) await put(part)
  const counts = provenCounts(batch, totalCounts(events))
  await putRows(AUDIT_LOADS, loadRow(batch, counts), ALL)
  await put(staged.receipts)
  return counts
}

/** The batch is committed: a failure here is for a later load to make up for. */
async function maintained(
  tables: Tables,
  batch: Batch,
  onNotice: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    await maintain(tables, batch.engine, authorOf(`${batch.loadId} maintenance`), batch.folder, signal)
  } catch (error) {
    if (!signal.aborted)
      onNotice(`the load is done, maintaining its tables failed: ${duckdbError(tables.lake.id, error).message}`)
  }
}
