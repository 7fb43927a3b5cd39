/** An object store in memory, for tests of what a sink does write by write. */

import { readFileSync } from 'node:fs'
import type { Content, ObjectStore, StoredObject } from '../../src/stores/contract.js'

export interface Kept {
  readonly bytes: Buffer
  readonly version: string
}

let versions = 0

/** @param kept the objects by key, which the store changes */
export function memoryStore(kept: Map<string, Kept> = new Map()): ObjectStore {
  return {
    id: 'memory://store',
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
