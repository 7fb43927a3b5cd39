import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BULK_BYTES, BULK_SIGNS, LineFilter } from '../../src/landing/lines.js'
import { bytesOf, cutAt } from './support.js'

interface Filtered {
  readonly spool: string
  readonly lines: number
  /** Long lines by their number. */
  readonly aside: Readonly<Record<number, string>>
}

async function filtered(content: string | Uint8Array, places: readonly number[] = []): Promise<Filtered> {
  const written: Buffer[] = []
  const pieces = new Map<number, Buffer[]>()
  const filter = new LineFilter({
    write: (bytes) => void written.push(Buffer.from(bytes)),
    putAside: (piece, line) => void pieces.set(line, [...(pieces.get(line) ?? []), Buffer.from(piece)]),
    endAside(line) {
      if (line === null) pieces.delete(filter.lines + 1)
      else expect([...pieces.keys()].at(-1)).toBe(line)
    },
  })
  for await (const chunk of cutAt(content, places)) filter.push(chunk)
  filter.end()
  const aside = Object.fromEntries([...pieces].map(([line, parts]) => [line, Buffer.concat(parts).toString('latin1')]))
  return { spool: Buffer.concat(written).toString('latin1'), lines: filter.lines, aside }
}

/** The last line gets an end where it has none. */
const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)

const counts: readonly (readonly [string, number])[] = [
  ['', 0],
  ['\n', 0],
  ['\n\n \t\r\n\v\f\n', 0],
  ['a', 1],
  ['a\n', 1],
  ['a\nb', 2],
  ['a\r\n\r\nb\r\n', 2],
  ['\n\na\n\n\nb\n\n', 2],
  ['\u0000', 1],
  ['\u00a0\n\u2028\n\ufeff', 3],
  ['a\rb', 1],
]

describe('lines', () => {
  it.each(counts)('of %j are %i', async (text, lines) => {
    expect(await filtered(text)).toEqual({ spool: ended(bytesOf(text).toString('latin1')), lines, aside: {} })
  })

  it('are the same in any chunks', async () => {
    const text = fc.stringMatching(/^[ab \n\r\t]{0,40}$/)
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat()), async (content, places) => {
        const lines = content.split('\n').filter((line) => line.trim() !== '').length
        expect(await filtered(content, places)).toEqual({ spool: ended(content), lines, aside: {} })
      }),
    )
  })
})

const long = (letter: string, more = 1): string => letter.repeat(BULK_BYTES + more)

describe('a long line', () => {
  it.each([
    ['alone', long('x'), '!', 1, { 1: long('x') }],
    ['of the greatest length in bulk', long('x', 0), long('x', 0), 1, {}],
    ['first', `${long('x')}\na\n`, '!\na\n', 2, { 1: long('x') }],
    ['between', `a\n\n${long('x')}\nb`, 'a\n\n!\nb', 3, { 2: long('x') }],
    ['last', `a\n${long('x')}`, 'a\n!', 2, { 2: long('x') }],
    ['beside another', `${long('x')}\n${long('y', 7)}\n`, '!\n!\n', 2, { 1: long('x'), 2: long('y', 7) }],
  ] as const)('%s is put aside, and a placeholder stands there', async (_what, text, spool, lines, aside) => {
    for (const places of [[], [1, 3], [BULK_BYTES], [BULK_BYTES + 1, BULK_BYTES + 2, BULK_BYTES + 3]])
      expect(await filtered(text, places)).toEqual({ spool: ended(spool), lines, aside })
  })

  it('that is blank is none, and nothing of it is held to find out', async () => {
    const { spool, lines, aside } = await filtered(`a\n${long(' ', 5_000_000)}\nb`, [10, 2_000_000, 3_000_000])
    expect({ spool, lines, aside }).toEqual({ spool: 'a\n\nb\n', lines: 2, aside: {} })
  })

  it('that begins with white space is kept with it', async () => {
    const text = `a\n${long(' ')}b\nc`
    expect(await filtered(text, [100, 5000])).toEqual({ spool: 'a\n!\nc\n', lines: 3, aside: { 2: `${long(' ')}b` } })
  })

  it('is the same in any chunks', async () => {
    const text = `a\n${long('x')}\n \n${long('y')}\nb`
    const whole = await filtered(text)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 6 }), async (places) => {
        const { spool, lines, aside } = await filtered(text, places)
        expect([spool === whole.spool, lines, aside[2] === whole.aside[2], aside[3] === whole.aside[3]]).toEqual([
          true,
          4,
          true,
          true,
        ])
      }),
      { numRuns: 30 },
    )
  })
})

describe('a line of many signs', () => {
  const signs = (count: number): string => ',:[{'.repeat(count / 4).padEnd(2000, 'x')

  it.each([[[]], [[2, 700, 2002]], [[1500, 1501]]])('is put aside, cut at %j', async (places) => {
    const text = `a\n${signs(BULK_SIGNS + 4)}\nb\n${signs(BULK_SIGNS)}\n${signs(BULK_SIGNS + 4)}`
    expect(await filtered(text, places)).toEqual({
      spool: `a\n!\nb\n${signs(BULK_SIGNS)}\n!\n`,
      lines: 5,
      aside: { 2: signs(BULK_SIGNS + 4), 5: signs(BULK_SIGNS + 4) },
    })
  })
})
