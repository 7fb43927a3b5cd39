/** Places in real stores, emptied again after each test. */

import { randomUUID } from 'node:crypto'
import { afterEach } from 'vitest'
import { openStore } from '../../src/stores/index.js'
import { listed, type StorePlace } from '../conformance/stores.js'
import { never } from '../support/load.js'

/**
 * @param address of a store, with a prefix below which the tests may write
 * @param keys what the vendor allows of the hostile ones
 */
export function livePlaces(address: string, keys: readonly string[]): () => Promise<StorePlace> {
  const used: string[] = []
  afterEach(async () => {
    const { store } = await openStore(address)
    for (const prefix of used.splice(0)) {
      for (const { key } of await listed(store, prefix)) await store.remove(key, never)
    }
    await store.close()
  })
  return async () => {
    const below = (await openStore(address)).prefix.replace(/\/*$/, '')
    const prefix = `${below}/${randomUUID()}/`.replace(/^\//, '')
    used.push(prefix)
    return { open: async () => (await openStore(address)).store, prefix, keys }
  }
}
