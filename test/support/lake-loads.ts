/** Loads to try a lake with, and a store that fails, or lets others load, between two of its changes. */

import { AUDIT_CONFLICTS, AUDIT_DOCUMENTS } from '../../schemas/tables.js'
import type { Lake } from '../../sinks/shared/lake.js'
import type { Sink } from '../../src/contract.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { loadInto, ndjson } from './load.js'
import { memoryLake } from './memory-lake.js'
import { contentOf, tableOf } from './rows.js'

/** A sink over a lake: `lakeSink` or `deltaIn`. */
export type OpenLake = (lake: Lake) => Sink

export const event = (day: number, more: object = {}) => ({
  timestamp: `2026-10-0${day}T12:34:56Z`,
  action: 'user:login',
  actor_user_id: 7,
  ...more,
})
export const named = { actor_email: 'ada@example.com' }
export const planted = { actor_email: 'victim@example.com', artifact_digest: 'planted' }
export const BAD = '{"action":"user:login"}'
export const api = (path: string): string => `https://acme.wandb.io/${path}`

export const BEFORE = { first: ndjson(event(1, { ...planted, note: 1 }), event(2, planted), BAD) }
/** Days that are there, named otherwise now, and new ones; repeats, rejects of several files, and two receipts. */
export const BATCH = {
  [api('second')]: ndjson(event(1, { ...named, note: 2, more: 1 }), event(2), event(2), event(3), BAD, BAD, 'x', 'y'),
  [api('third')]: ndjson(event(2, named), event(3, named), event(4), BAD),
}

/** The same store, with every write and removal handed to `around`. */
export function changingThrough(
  store: ObjectStore,
  around: (change: () => Promise<string | null>, key: string) => Promise<string | null>,
): ObjectStore {
  return {
    ...store,
    write: (...given) => around(() => store.write(...given), given[0]),
    async remove(key, signal) {
      await around(() => store.remove(key, signal).then(() => null), key)
    },
  }
}

export async function loaded(
  open: OpenLake,
  lake: Lake,
  ...inputs: readonly Readonly<Record<string, string>>[]
): Promise<Sink> {
  const sink = open(lake)
  for (const input of inputs) await loadInto(sink, input)
  return sink
}

/** What loads leave, but for who loaded it and when. */
export const stateOf = async (sink: Sink) => ({
  ...(await contentOf(sink)),
  receipts: (await tableOf(sink, AUDIT_DOCUMENTS)).map(({ document, sha256, rows_read }) => [
    document,
    sha256,
    rows_read,
  ]),
  conflicts: (await tableOf(sink, AUDIT_CONFLICTS)).map(({ load_id: _, loaded_at: __, ...row }) => Object.values(row)),
})

/** How many changes of the store a run with the batch makes. */
export async function changesOf(open: OpenLake): Promise<number> {
  const lake = memoryLake()
  await loaded(open, lake, BEFORE)
  let changes = 0
  const store = changingThrough(lake.store, (change) => {
    changes++
    return change()
  })
  await loaded(open, { ...lake, store }, BATCH)
  return changes
}
