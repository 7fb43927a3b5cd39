/** Work on a batch side by side, on connections of their own. */

import { availableParallelism } from 'node:os'
import { tidied } from '../../src/cleanup.js'
import type { Batch } from '../../src/contract.js'
import { interruptible } from '../../src/duckdb/connection.js'
import { interrupted } from '../../src/errors.js'

/** A statement occupies one of Node's four threads for files and the like. Landing the next batch needs one too. */
const MOST_LANES = 3

/**
 * Calls `work` for each item, several at a time, with the batch on a connection of its own. DuckDB is limited to one thread for
 * each, because its threads get in each other's way when they write one small file: docs/decisions/speed-and-its-limits.md.
 * A single item gets the batch as it is, with all threads; so do those that are left when memory does not suffice.
 *
 * @returns the results in the items' order
 * @throws what the first failed `work` threw, after the others have ended; no further items are begun then
 */
export async function sideBySide<Item, Result>(
  batch: Batch,
  signal: AbortSignal,
  items: readonly Item[],
  work: (item: Item, batch: Batch) => Promise<Result>,
): Promise<Result[]> {
  const { engine } = batch
  const results: Result[] = []
  const waiting = items.entries()
  const inTurn = async (own: Batch, from: Iterable<[number, Item]> = waiting): Promise<void> => {
    for (const [i, item] of from) {
      // An interrupt just before a statement is lost on it.
      if (signal.aborted) throw interrupted()
      results[i] = await work(item, own)
    }
  }
  const lanes = Math.min(MOST_LANES, availableParallelism(), items.length)
  if (lanes < 2) {
    await inTurn(batch)
    return results
  }
  const lane = async (): Promise<void> => {
    const connection = await batch.connect()
    try {
      await interruptible(connection, signal, () => inTurn({ ...batch, engine: connection }))
    } catch (error) {
      for (const _ of waiting); // begin no others
      throw error
    } finally {
      connection.closeSync()
    }
  }
  const [[threads] = []] = (await engine.runAndReadAll(`SELECT current_setting('threads')`)).getRows()
  await engine.run('SET threads = 1')
  const ended = await tidied(
    () => Promise.allSettled(Array.from({ length: lanes }, lane)),
    () => engine.run(`SET threads = ${threads}`),
  )
  const [failure] = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
  if (failure === undefined) return results
  if (!/Out of Memory Error/.test(String(failure)) || signal.aborted) throw failure
  // One at a time may have enough memory where several had not.
  await inTurn(
    batch,
    [...items.entries()].filter(([i]) => !(i in results)),
  )
  return results
}
