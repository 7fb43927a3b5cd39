import { describe, expect, it } from 'vitest'
import { merging } from '../../../sinks/fabric/journals.js'

describe('a journal', () => {
  it('of a million commits has fewer than fifty files, and rewrites a row six times at most', () => {
    let levels: readonly number[] = []
    let most = 0
    let highest = 0
    for (let commit = 0; commit < 1_000_000; commit++) {
      const longer = [...levels, 0]
      const { from, level } = merging(longer)
      levels = from === longer.length ? longer : [...longer.slice(0, from), level]
      most = Math.max(most, levels.length)
      highest = Math.max(highest, level)
    }
    expect(most).toBeLessThan(50)
    expect(highest).toBeLessThanOrEqual(6)
  })
})
