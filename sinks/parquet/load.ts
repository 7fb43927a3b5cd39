/** Loading a batch: everything is merged beside the lake and the counts are proven, then file after file takes its place. */

import type { Batch, LoadCounts } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb-error.js'
import { interrupted } from '../../src/errors.js'
import { provenCounts } from '../shared/counts.js'
import { changedDays, changedRows, dropKept, type EventCounts, loadRow } from './changes.js'
import { type Change, publish, type Staged, stage } from './file.js'
import type { Lake } from './lake.js'
import { DOCUMENTS, LOADS, REJECTS } from './layout.js'

interface StagedBatch {
  readonly days: readonly Staged<EventCounts>[]
  readonly rejects: readonly Staged<void>[]
  readonly receipts: readonly Staged<void>[]
}

/**
 * Until the first file is put in its place, whatever fails or interrupts leaves the lake as it was. From then on only a
 * failure ends it, as in a commit.
 */
export async function loadBatch(lake: Lake, batch: Batch, signal: AbortSignal): Promise<LoadCounts> {
  if (signal.aborted) throw interrupted()
  const { engine } = batch
  const stop = (): void => engine.interrupt()
  try {
    signal.addEventListener('abort', stop, { once: true })
    const staged = await stageBatch(lake, batch, signal)
    signal.removeEventListener('abort', stop)
    if (signal.aborted) throw interrupted()
    return await publishBatch(lake, batch, staged)
  } catch (error) {
    throw signal.aborted ? interrupted() : duckdbError(lake.id, error)
  } finally {
    signal.removeEventListener('abort', stop)
    await dropKept(engine).catch(() => {}) // what went wrong before is what counts
  }
}

async function stageBatch(lake: Lake, batch: Batch, signal: AbortSignal): Promise<StagedBatch> {
  const { engine, folder, rejected } = batch
  const all = async <T>(changes: readonly Change<T>[]): Promise<Staged<T>[]> => {
    const staged = []
    for (const change of changes) staged.push(await stage(lake, change, folder, signal))
    return staged
  }
  const days = batch.events.bounds === null ? [] : await all(await changedDays(lake.id, batch))
  provenCounts(batch, total(days.map(({ outcome }) => outcome)))
  const { relation } = batch.rejects
  const rejects = rejected === 0 ? [] : await all(await changedRows(lake.id, engine, REJECTS, relation, 'there'))
  const receipts = await all(await changedRows(lake.id, engine, DOCUMENTS, batch.receipts.relation, 'new'))
  return { days, rejects, receipts }
}

/**
 * Receipts last: whatever ends it on the way, the next run reads the documents again that have none, and finds what is
 * there already.
 */
async function publishBatch(lake: Lake, batch: Batch, { days, rejects, receipts }: StagedBatch): Promise<LoadCounts> {
  const { engine, folder } = batch
  const events = []
  for (const day of days) events.push(await publish(lake, day, folder))
  for (const part of rejects) await publish(lake, part, folder)
  const counts = provenCounts(batch, total(events))
  const row = loadRow(batch, counts, new Date())
  const { signal } = new AbortController()
  for (const change of await changedRows(lake.id, engine, LOADS, `(${row})`, 'new'))
    await publish(lake, await stage(lake, change, folder, signal), folder)
  for (const part of receipts) await publish(lake, part, folder)
  return counts
}

function total(all: readonly EventCounts[]): EventCounts {
  const sum = (count: keyof EventCounts): number => all.reduce((so, each) => so + each[count], 0)
  return { inserted: sum('inserted'), enriched: sum('enriched'), unchanged: sum('unchanged') }
}
