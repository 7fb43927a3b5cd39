/** Local copies of the lake's current files, readable while other loads replace them. */

import { createHash } from 'node:crypto'
import { access, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredObject } from '../../src/stores/contract.js'
import type { Lake } from '../shared/lake.js'
import { copyName } from '../shared/parquet-rows.js'
import { folderOf, type Layout, partOf } from './layout.js'
import { currentOf, strayIn, type Version, versionsAmong, versionsOf } from './versions.js'

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

  /** Null when the version is gone. */
  async function fetched({ object }: Version, signal: AbortSignal): Promise<string | null> {
    const id = createHash('sha256').update(`${object.key}\0${object.version}`).digest('hex')
    const path = join(await folder(), copyName(id, object.key.slice(lake.prefix.length)))
    const known = await access(path).then(
      () => true,
      () => false,
    )
    return known || (await lake.fetch(object, path, signal)) ? path : null
  }

  /** A copy of the current version: of those listed, or if it is gone by now, of those that are there; null when there is none. */
  async function current(stem: string, listed: readonly StoredObject[], signal: AbortSignal): Promise<string | null> {
    const among = versionsAmong(lake, stem, listed)
    // A listing in several pages may have an older version of its first page beside the next but one.
    let version = currentOf(strayIn(among) === null ? among : await versionsOf(lake, stem, signal))
    while (version !== null) {
      const path = await fetched(version, signal)
      if (path !== null) return path
      version = currentOf(await versionsOf(lake, stem, signal))
    }
    return null
  }

  async function listed(layout: Layout, signal: AbortSignal): Promise<ReadonlyMap<string, readonly StoredObject[]>> {
    const parts = new Map<string, StoredObject[]>()
    for await (const object of lake.store.list(lake.prefix + folderOf(layout), signal)) {
      const part = partOf(layout, object.key.slice(lake.prefix.length))
      if (part !== null) parts.set(part, [...(parts.get(part) ?? []), object])
    }
    return parts
  }

  return {
    folder,

    async partsOf(layout, signal) {
      const parts = [...(await listed(layout, signal))]
      const there = parts.filter(
        ([part, objects]) => currentOf(versionsAmong(lake, layout.stem(part), objects)) !== null,
      )
      return there.map(([part]) => part).sort()
    },

    async filesOf(layout, signal, parts) {
      const files = new Map<string, string>()
      const waiting = (await listed(layout, signal)).entries()
      const fetchRest = async (): Promise<void> => {
        for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
          const [part, objects] = next.value
          if (parts !== undefined && !parts.has(part)) continue
          const path = await current(layout.stem(part), objects, signal)
          if (path !== null) files.set(part, path)
        }
      }
      await Promise.all(Array.from({ length: FETCHES }, fetchRest))
      return [...files.keys()].sort().map((part) => files.get(part) as string)
    },

    async remove() {
      if (made !== undefined) await rm(await made, { recursive: true, force: true })
    },
  }
}
