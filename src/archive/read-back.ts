/** Reads archived documents back through the pipeline, to count what they contain. */

import type { Source } from '../contract.js'
import type { ArchivePlace } from './archive.js'
import type { Contents } from './contents.js'
import { type Archived, keyedId, keyedSource } from './source.js'
import { type Counted, NO_EVENTS } from './tally.js'

export interface Counting {
  readonly place: ArchivePlace
  /** Reads the documents of a source through the pipeline. What cannot be read is missing from the result. */
  count(source: Source): Promise<Counted>
  /** How many objects may be read at once. */
  readonly concurrency: number
  readonly signal: AbortSignal
}

/**
 * @param groups objects of the source, counted group by group
 * @returns the contents of each group, by its number
 * @throws what `count` throws
 */
export async function readBack(
  source: string,
  groups: readonly (readonly Archived[])[],
  { place, concurrency, count }: Counting,
): Promise<(group: number) => Contents> {
  const keyed = keyedSource(source, groups, place, concurrency)
  const { documents, totals } =
    groups.length === 0 ? { documents: new Map(), totals: new Map() } : await count(keyed.source)
  return (group) => ({
    totals: totals.get(String(group)) ?? NO_EVENTS,
    heading: (key) => keyed.read.get(keyedId(group, key))?.heading,
    counts: (key) => documents.get(keyedId(group, key)),
    failure: (key) => keyed.failures.get(keyedId(group, key)),
  })
}
