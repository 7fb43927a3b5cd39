import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeExtras } from '../../src/transform/extras.js'

describe('merging two extras', () => {
  it('adds the keys that are missing, in the order of code points, every number to the digit', () => {
    expect(mergeExtras('{"b":1.10}', '{"é":[1e3,-0],"a":12345678901234567890.50,"\uFFFD":1,"💡":2}')).toEqual({
      object: '{"a":12345678901234567890.50,"b":1.10,"é":[1e3,-0],"\uFFFD":1,"💡":2}',
      grew: true,
      contradicts: false,
    })
  })

  it.each([
    ['{"a":1}', '{"a":1}'],
    ['{"a":1,"b":2}', '{"b":2}'],
    ['{"a":{"x":1,"y":[2,3]}}', '{"a":{ "y": [2, 3], "x":1 }}'],
    ['{"a":"\u00e9"}', '{"a":"\\u00e9"}'],
  ])('%s has nothing to learn from %s', (kept, other) => {
    expect(mergeExtras(kept, other)).toEqual({ object: kept, grew: false, contradicts: false })
  })

  it.each([
    ['{"a":1}', '{"a":2}'],
    ['{"a":1}', '{"a":"1"}'],
    ['{"a":[1,2]}', '{"a":[2,1]}'],
    ['{"a":{"x":1}}', '{"a":{"x":1,"y":2}}'],
    ['{"a":1}', '{"a":1.0}'],
  ])('%s stays as it is where %s contradicts it', (kept, other) => {
    expect(mergeExtras(kept, other)).toEqual({ object: kept, grew: false, contradicts: true })
  })

  it('loses nothing of an object that grew beyond the keys a line may have', () => {
    const keys = (from: number) => Array.from({ length: 1500 }, (_, i) => [`key ${from + i}`, 1])
    const grown = mergeExtras(
      JSON.stringify(Object.fromEntries(keys(0))),
      JSON.stringify(Object.fromEntries(keys(1500))),
    )
    const { object } = mergeExtras(grown.object, '{"one more":1}')
    expect(Object.keys(JSON.parse(object))).toHaveLength(3001)
  })

  it('ends in the same text in either order where the two agree, whatever the keys', () => {
    const members = fc.dictionary(fc.string({ unit: 'binary', maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), {
      maxKeys: 6,
    })
    fc.assert(
      fc.property(members, fc.func(fc.constantFrom('one', 'other', 'both')), (all, side) => {
        const part = (not: string): string =>
          mergeExtras(
            '{}',
            JSON.stringify(Object.fromEntries(Object.entries(all).filter(([key]) => side(key) !== not))),
          ).object
        const [one, other] = [part('other'), part('one')]
        expect(mergeExtras(one, other)).toMatchObject({ contradicts: false })
        expect(mergeExtras(other, one).object).toBe(mergeExtras(one, other).object)
        expect(JSON.parse(mergeExtras(one, other).object)).toEqual(JSON.parse(JSON.stringify(all)))
      }),
    )
  })
})
