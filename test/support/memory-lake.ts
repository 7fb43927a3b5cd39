/** A lake in memory, for tests of what its writes do one by one. */

import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { Lake } from '../../sinks/parquet/lake.js'
import type { Content, ObjectStore, StoredObject } from '../../src/stores/contract.js'
import { newFolder } from './load.js'

export interface Kept {
  readonly bytes: Buffer
  readonly version: string
}

export interface MemoryLake extends Lake {
  readonly objects: Map<string, Kept>
}

let versions = 0

/** @param objects what is there already, by key; stays as it is */
export function memoryLake(objects: ReadonlyMap<string, Kept> = new Map()): MemoryLake {
  const kept = new Map(objects)
  const store: ObjectStore = {
    id: 'memory://lake',
    async *list(prefix) {
      const keys = [...kept.keys()].filter((key) => key.startsWith(prefix)).sort()
      yield* keys.map((key) => found(kept, key)).filter((object) => object !== null)
    },
    async find(key) {
      return found(kept, key)
    },
    async read({ key, version }) {
      const object = kept.get(key)
      return object?.version === version ? { chunks: chunksOf(object.bytes), checksum: null } : null
    },
    async write(key, content, condition) {
      const before = kept.get(key)
      if (condition === 'absent' && before !== undefined) return null
      if (typeof condition === 'object' && before?.version !== condition.version) return null
      const version = `${++versions}`
      kept.set(key, { bytes: bytesOf(content), version })
      return version
    },
    async remove(key) {
      kept.delete(key)
    },
    async close() {},
  }
  return overStore(store, kept)
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

function found(objects: ReadonlyMap<string, Kept>, key: string): StoredObject | null {
  const object = objects.get(key)
  if (object === undefined) return null
  return { key, bytes: object.bytes.length, version: object.version, lastModified: new Date(0) }
}

const bytesOf = (content: Content): Buffer =>
  content instanceof Uint8Array ? Buffer.from(content) : readFileSync(content.file)

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}
