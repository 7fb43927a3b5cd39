import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Nesting } from '../../src/pages/nesting.js'

const text = fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', 'a', ','), { maxLength: 60 })

it('skipping is the same as taking byte by byte, wherever the text is cut', () => {
  fc.assert(
    fc.property(text, fc.nat(60), fc.nat(3), (tokens, cut, depth) => {
      const bytes = Buffer.from(`[[[[${tokens.join('')}`)
      const one = new Nesting()
      let taken = 0
      while (taken < bytes.length && (taken < 4 || one.depth > depth)) one.push(bytes[taken++] ?? 0)

      const other = new Nesting()
      const first = other.skipTo(-1, bytes.subarray(0, 4), 0)
      const chunk = bytes.subarray(first, Math.max(first, cut))
      const inChunk = other.skipTo(depth, chunk, 0)
      const rest = inChunk < chunk.length ? 0 : other.skipTo(depth, bytes.subarray(first + inChunk), 0)
      expect([first + inChunk + rest, other]).toEqual([taken, one])
    }),
  )
})
