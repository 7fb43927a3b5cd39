/** Local copies of the lake's current files, readable while other loads replace them. */

import { createHash } from 'node:crypto'
import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredObject } from '../../src/stores/contract.js'
import type { Lake } from './lake.js'
import { copyName, folderOf, type Layout, partOf } from './layout.js'

export interface Snapshots {
  /** Local copies of a table's current files, or of some partitions', ordered by key; files of other programs are left out. */
  filesOf(layout: Layout, signal: AbortSignal, parts?: ReadonlySet<string>): Promise<string[]>
  /** The partitions that a table has files of, ordered. Fetches none of them. */
  partsOf(layout: Layout, signal: AbortSignal): Promise<string[]>
  /** The folder they are in; created on first use. */
  folder(): Promise<string>
  remove(): Promise<void>
}

/** Concurrent requests. */
const FETCHES = 8

/** Copies are kept until `remove`, so an unchanged file is fetched once. */
export function snapshots(lake: Lake): Snapshots {
  let made: Promise<string> | undefined
  const folder = (): Promise<string> => {
    made ??= lake.scratch()
    return made
  }

  async function fetched(listed: StoredObject, signal: AbortSignal): Promise<string | null> {
    for (
      let object: StoredObject | null = listed;
      object !== null;
      object = await lake.store.find(object.key, signal)
    ) {
      const id = createHash('sha256').update(`${object.key}\0${object.version}`).digest('hex')
      const path = join(await folder(), copyName(id, object.key.slice(lake.prefix.length)))
      const known = await access(path).then(
        () => true,
        () => false,
      )
      if (known || (await lake.fetch(object, path, signal))) return path
    }
    return null
  }

  return {
    folder,

    async partsOf(layout, signal) {
      const parts = new Set<string>()
      for await (const { key } of lake.store.list(lake.prefix + folderOf(layout), signal)) {
        const part = partOf(layout, key.slice(lake.prefix.length))
        if (part !== null) parts.add(part)
      }
      return [...parts].sort()
    },

    async filesOf(layout, signal, parts) {
      const files = new Map<string, string>()
      const listing = lake.store.list(lake.prefix + folderOf(layout), signal)[Symbol.asyncIterator]()
      const fetchRest = async (): Promise<void> => {
        for (let next = await listing.next(); next.done !== true; next = await listing.next()) {
          const { key } = next.value
          const part = partOf(layout, key.slice(lake.prefix.length))
          const isWanted = part !== null && (parts === undefined || parts.has(part))
          const path = isWanted ? await fetched(next.value, signal) : null
          if (path !== null) files.set(key, path)
        }
      }
      await Promise.all(Array.from({ length: FETCHES }, fetchRest))
      return [...files.keys()].sort().map((key) => files.get(key) as string)
    },

    async remove() {
      if (made !== undefined) await rm(await made, { recursive: true, force: true })
    },
  }
}
