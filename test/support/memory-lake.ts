/** A lake in memory, for tests of what its writes do one by one. */

import { writeFile } from 'node:fs/promises'
import type { Lake } from '../../sinks/shared/lake.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { newFolder } from './load.js'
import { type Kept, memoryStore } from './memory-store.js'

export interface MemoryLake extends Lake {
  readonly objects: Map<string, Kept>
}

/** @param objects what is there already, by key; stays as it is */
export function memoryLake(objects: ReadonlyMap<string, Kept> = new Map()): MemoryLake {
  const kept = new Map(objects)
  return overStore(memoryStore(kept), kept)
}

/** The same lake through another store. */
export function overStore(store: ObjectStore, objects: Map<string, Kept>): MemoryLake {
  return {
    id: 'parquet+memory://lake',
    store,
    prefix: '',
    objects,
    async fetch(object, path, signal) {
      const reading = await store.read(object, 0, signal)
      if (reading === null) return false
      for await (const chunk of reading.chunks) await writeFile(path, chunk)
      return true
    },
    scratch: async () => newFolder(),
  }
}
