import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unpackMembers } from '../../src/landing/gzip.js'
import { type UnpackFacts, unpack } from '../../src/landing/unpack.js'
import { byteByByte, cutAt, failure, joined } from './support.js'

const fixture = (name: string): Buffer => readFileSync(`fixtures/archives/${name}`)
const EVENTS = fixture('events.ndjson')

/** Of five bytes that mean nothing. */
const SKIPPABLE = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5])

async function unpacked(content: Uint8Array, chunks = cutAt(content, [])): Promise<{ text: Buffer } & UnpackFacts> {
  const facts: UnpackFacts = { asArrived: true }
  return { text: await joined(unpack(chunks, facts)), ...facts }
}

const archives: readonly (readonly [string, Buffer])[] = [
  ['a gzip archive', gzipSync(EVENTS)],
  [
    'a gzip archive of several members',
    Buffer.concat([gzipSync(EVENTS.subarray(0, 9999)), gzipSync(EVENTS.subarray(9999))]),
  ],
  ['a gzip archive padded with zeros, as tapes are', Buffer.concat([gzipSync(EVENTS), Buffer.alloc(512)])],
  [
    'a gzip archive with zeros between its members',
    Buffer.concat([
      gzipSync(EVENTS.subarray(0, 9999)),
      Buffer.alloc(512),
      gzipSync(EVENTS.subarray(9999)),
      Buffer.alloc(1),
    ]),
  ],
  ['a zstd archive', fixture('events.ndjson.zst')],
  [
    'a zstd archive that begins with a skippable frame',
    Buffer.concat([SKIPPABLE, fixture('events.ndjson.zst'), SKIPPABLE]),
  ],
  ['a zstd archive that was streamed', fixture('streamed.ndjson.zst')],
  ['a zstd archive of several frames', fixture('frames.ndjson.zst')],
]

describe.each(archives)('%s', (_what, archive) => {
  it('gives its text, in whatever chunks it arrives', async () => {
    expect(await unpacked(archive)).toEqual({ text: EVENTS, asArrived: false })
    expect((await unpacked(archive, byteByByte(archive))).text.equals(EVENTS)).toBe(true)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat()), async (places) => {
        expect((await unpacked(archive, cutAt(archive, places))).text.equals(EVENTS)).toBe(true)
      }),
      { numRuns: 20 },
    )
  })
})

describe('an archive that is not whole', () => {
  it.each(archives.filter(([what]) => !/several|zeros/.test(what)))(
    '%s cut anywhere is an error',
    async (_what, archive) => {
      for (let end = 5; end < archive.length; end += 11) {
        const error = await failure(unpacked(archive.subarray(0, end)))
        expect(error.message).toMatch(/cut short, damaged or followed by other bytes; none of it was loaded/)
        expect(error.advice).toMatch(/Copy it again/)
      }
      await failure(unpacked(archive.subarray(0, -1)))
    },
  )

  it('of several members is an error where it is cut but between two of them, which nobody can tell', async () => {
    const first = gzipSync(EVENTS.subarray(0, 9999))
    const archive = Buffer.concat([first, gzipSync(EVENTS.subarray(9999))])
    for (let end = first.length + 1; end < archive.length; end += 7) await failure(unpacked(archive.subarray(0, end)))
    expect((await unpacked(first)).text).toHaveLength(9999)
  })

  it.each(archives.slice(0, 6))('with a damaged byte, %s is never taken for other text', async (_what, archive) => {
    for (let at = 4; at < archive.length; at += 13) {
      const damaged = Buffer.from(archive)
      damaged[at] = (damaged[at] ?? 0) ^ 0x10
      const text = await unpacked(damaged).then(
        (result) => result.text,
        () => EVENTS,
      )
      expect(text.equals(EVENTS)).toBe(true)
    }
  })

  it.each([
    ['lines', [gzipSync(EVENTS), Buffer.from('{"action":"user:login"}\n')]],
    ['a line feed', [gzipSync(EVENTS), Buffer.from('\n')]],
    ['other bytes behind zeros', [gzipSync(EVENTS), Buffer.alloc(512), Buffer.from('this is not gzip')]],
    ['a first byte of a member', [gzipSync(EVENTS), Buffer.alloc(512), Buffer.of(0x1f)]],
    ['a member cut short', [gzipSync(EVENTS), Buffer.alloc(512), gzipSync(EVENTS).subarray(0, 500)]],
    ['other bytes behind a zstd frame', [fixture('events.ndjson.zst'), Buffer.from('this is not zstd')]],
  ])('with %s behind it is an error that says so', async (_what, parts) => {
    const archive = Buffer.concat(parts)
    for (const chunks of [cutAt(archive, []), byteByByte(archive)]) {
      const error = await failure(unpacked(archive, chunks))
      expect(error.message).toMatch(/followed by other bytes|other bytes follow/)
      expect(error.advice).toMatch(/opy it again/)
    }
  })

  it('keeps the error of what it is read from', async () => {
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield gzipSync(EVENTS).subarray(0, 500)
      throw new RangeError('the connection was lost')
    }
    const error = await failure(unpacked(EVENTS, breaking()))
    expect(error.cause).toMatchObject({ message: 'the connection was lost' })
  })
})

describe('an archive that asks for too much', () => {
  it('is refused when it unpacks without bound', async () => {
    const bomb = gzipSync(Buffer.alloc(300 << 20, 0x20), { level: 9 })
    const facts: UnpackFacts = { asArrived: true }
    let bytes = 0
    const error = await failure(
      (async () => {
        for await (const chunk of unpack(cutAt(bomb, []), facts)) bytes += chunk.length
      })(),
    )
    expect(error.message).toMatch(/more than 200 times its size/)
    expect(bytes).toBeLessThan(257 << 20)
  })

  it('is refused when its window would take the memory', async () => {
    expect((await failure(unpacked(fixture('long-window.ndjson.zst')))).message).toMatch(/needs more than 128 MiB/)
  })
})

describe('plain text', () => {
  it.each(['', '{', '\n', 'ab', '\u001f', '(', '{"action":"user:login"}\n'])('%j is what arrives', async (text) => {
    expect(await unpacked(Buffer.from(text))).toEqual({ text: Buffer.from(text), asArrived: true })
  })

  it('loses byte order marks at its beginning, and only there', async () => {
    const text = Buffer.from('\ufeff{"a":1}\n\ufeff{"a":2}')
    const without = { text: text.subarray(3), asArrived: false }
    expect(await unpacked(text)).toEqual(without)
    expect(await unpacked(text, byteByByte(text))).toEqual(without)
    expect(await unpacked(gzipSync(text))).toEqual(without)
    expect(await unpacked(Buffer.concat([text.subarray(0, 3), text]))).toEqual(without)
    expect(await unpacked(text.subarray(0, 3))).toEqual({ text: Buffer.alloc(0), asArrived: false })
    expect(await unpacked(text.subarray(0, 2))).toEqual({ text: text.subarray(0, 2), asArrived: true })
  })
})

it('whoever stops reading early leaves nothing open', async () => {
  let ended = false
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      const packed = gzipSync(Buffer.alloc(4_000_000, 'many lines\n'), { level: 0 })
      for (let at = 0; at < packed.length; at += 65_536) yield packed.subarray(at, at + 65_536)
    } finally {
      ended = true
    }
  }
  const text = unpackMembers(chunks())
  await text.next()
  await text.return(undefined)
  expect(ended).toBe(true)
})
