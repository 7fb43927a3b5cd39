import { describe, expect, it } from 'vitest'
import { type Entry, Journal, withoutLoads } from '../src/journal.js'

const COUNTS = { read: 1, inserted: 1, enriched: 0, unchanged: 0, rejected: 0, conflicts: 0 }

/** `a` was loaded, then the process died twice while it transformed `b`. */
const ENTRIES: readonly Entry[] = [
  { type: 'begun', step: 'transform', documents: ['a'] },
  { type: 'ended' },
  { type: 'begun', step: 'load sink' },
  { type: 'loaded', sink: 'sink', counts: COUNTS, completes: true, least: null },
  { type: 'finished' },
  { type: 'begun', step: 'transform', documents: ['b'] },
  { type: 'died', how: 'SIGSEGV' },
  { type: 'begun', step: 'load sink', documents: ['c'] },
  { type: 'loaded', sink: 'sink', counts: COUNTS, completes: true, least: null },
  { type: 'finished', documents: ['c', 'd'] },
  { type: 'begun', step: 'transform' },
  { type: 'died', how: 'SIGSEGV' },
]

describe('a run whose sink dies with its process', () => {
  it('begins again with every document, but knows what crashed', () => {
    const kept = new Journal(['sink'], ENTRIES)
    expect(['a', 'c', 'd'].map((document) => kept.isFinished(document))).toEqual([true, true, true])
    const journal = new Journal(['sink'], withoutLoads(ENTRIES))
    for (const document of ['a', 'b', 'c', 'd']) expect(journal.isFinished(document)).toBe(false)
    expect(journal.loadedCount('sink', ['a', 'c'])).toBe(0)
    expect(journal.summary).toMatchObject({ documents: 0, sinks: [{ read: 0 }] })
    expect([['a'], ['b'], ['c'], ['c', 'd']].map((documents) => journal.hasKilled(documents))).toEqual([
      ...[false, true, false, true],
    ])
  })
})
