/** Loads a batch: merges everything into local files, proves the counts, then replaces file after file. */

import type { Batch, LoadCounts } from '../../src/contract.js'
import { interruptible } from '../../src/duckdb/connection.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { interrupted } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { daysOf } from '../shared/batch-days.js'
import { type EventCounts, provenCounts, totalCounts } from '../shared/counts.js'
import { loadRow } from '../shared/duckdb-tables.js'
import { FOUND_CONFLICTS } from '../shared/found-conflicts.js'
import type { Lake } from '../shared/lake.js'
import { sideBySide } from '../shared/lanes.js'
import { ALL, MISSING, MORE_EVENTS } from '../shared/written-rows.js'
import { changedDay, changedRows, dropKept } from './changes.js'
import { type Change, publish, type Staged, stage } from './file.js'
import { newNote } from './journal.js'
import { CONFLICTS, DOCUMENTS, type LakeFile, LOADS, REJECT_PIECES, REJECTS } from './layout.js'

interface StagedBatch {
  readonly conflicts: readonly Staged<void>[]
  readonly days: readonly Staged<EventCounts>[]
  readonly pieces: readonly Staged<void>[]
  readonly rejects: readonly Staged<void>[]
  readonly receipts: readonly Staged<void>[]
}

/**
 * Until the first file is replaced, a failure or an interrupt leaves the lake unchanged. From then on an abort is ignored, as
 * during a commit.
 */
export async function loadBatch(lake: Lake, batch: Batch, signal: AbortSignal): Promise<LoadCounts> {
  const { engine } = batch
  try {
    const staged = await interruptible(engine, signal, () => stageBatch(lake, batch, signal))
    if (signal.aborted) throw interrupted()
    return await publishBatch(lake, batch, staged)
  } catch (error) {
    throw signal.aborted ? interrupted() : duckdbError(lake.id, error)
  } finally {
    await dropKept(engine).catch(() => {}) // keep the first error
  }
}

async function stageBatch(lake: Lake, batch: Batch, signal: AbortSignal): Promise<StagedBatch> {
  const { engine, folder, pieces, rejects, receipts } = batch
  const all = async <T>(changes: readonly Change<T>[]): Promise<Staged<T>[]> => {
    const staged = []
    for (const change of changes) staged.push(await stage(lake, change, folder, signal))
    return staged
  }
  const days = await stageDays(lake, batch, signal)
  const { conflicts } = provenCounts(batch, totalCounts(days.map(({ outcome }) => outcome)))
  return {
    days,
    conflicts: conflicts === 0 ? [] : await all(await changedConflicts(lake, batch)),
    pieces:
      pieces.rows === 0 ? [] : await all(await changedRows(lake.id, engine, REJECT_PIECES, pieces.relation, MISSING)),
    rejects:
      batch.rejected === 0 ? [] : await all(await changedRows(lake.id, engine, REJECTS, rejects.relation, MISSING)),
    receipts: await all(await changedRows(lake.id, engine, DOCUMENTS, receipts.relation, ALL)),
  }
}

async function stageDays(lake: Lake, batch: Batch, signal: AbortSignal): Promise<Staged<EventCounts>[]> {
  if (batch.events.bounds === null) return []
  return sideBySide(batch, signal, await daysOf(batch), async (day, own) => {
    const staged = await stage(lake, changedDay(lake.id, own, day), batch.folder, signal)
    // Should it be merged again, its own connection will be closed.
    return { ...staged, change: changedDay(lake.id, batch, day) }
  })
}

const changedConflicts = (lake: Lake, { engine }: Batch): Promise<Change<void>[]> =>
  changedRows(lake.id, engine, CONFLICTS, `(${FOUND_CONFLICTS})`, MORE_EVENTS)

/**
 * Conflicts first: once the API's name has displaced another one, audit_conflicts is its only copy. Receipts last: if
 * the load ends halfway, the next run reads the documents without receipts again and finds the rows that exist.
 */
async function publishBatch(lake: Lake, batch: Batch, staged: StagedBatch): Promise<LoadCounts> {
  const { engine, folder } = batch
  const note = newNote(lake, batch.loadId)
  await note.add(replacedBy(staged))
  const putAll = async (changes: readonly Change<void>[]): Promise<void> => {
    await note.add(changes)
    for (const change of changes) await publish(lake, await stage(lake, change, folder, NEVER_ABORTED), folder)
  }
  for (const part of staged.conflicts) await publish(lake, part, folder)
  const events = staged.days.map(({ outcome }) => outcome)
  for (const [i, day] of staged.days.entries()) {
    events[i] = await publish(lake, day, folder, async (outcome) => {
      provenCounts(batch, totalCounts(events.with(i, outcome)))
      await putAll(await changedConflicts(lake, batch))
    })
  }
  for (const part of [...staged.pieces, ...staged.rejects]) await publish(lake, part, folder)
  const counts = provenCounts(batch, totalCounts(events))
  await putAll(await changedRows(lake.id, engine, LOADS, loadRow(batch, counts), ALL))
  for (const part of staged.receipts) await publish(lake, part, folder)
  await note.remove()
  return counts
}

const replacedBy = ({ conflicts, days, pieces, rejects, receipts }: StagedBatch): readonly LakeFile[] =>
  [...conflicts, ...days, ...pieces, ...rejects, ...receipts]
    .filter(({ content }) => content !== null)
    .map(({ change }) => change)
