import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { decompress } from 'fzstd'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { headingLine, headingOf } from '../../src/archive/format.js'
import { OriginalFile } from '../../src/archive/original.js'
import { openArchived } from '../../src/archive/reading.js'
import { compressFrame, FRAME_BYTES, unpackOwnFrames } from '../../src/archive/zstd.js'
import { openDirectory } from '../../src/stores/index.js'
import { documentOf, never, newFolder } from '../support/load.js'

/** From `printf a | zstd -1 --stream-size=1`. */
const FRAME_OF_A = '28b52ffd2401090000615b6e8ca9'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function unpacked(object: Uint8Array, chunkBytes = object.length): Promise<Buffer> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < object.length; at += chunkBytes) yield object.subarray(at, at + chunkBytes)
  }
  const texts = []
  for await (const text of unpackOwnFrames(chunks())) texts.push(text)
  return Buffer.concat(texts)
}

const archived = (...chunks: readonly Uint8Array[]): Promise<Buffer> => archivedUnder(() => '{}\n', chunks)

async function archivedUnder(heading: () => string, chunks: readonly Uint8Array[]): Promise<Buffer> {
  const folder = newFolder()
  const path = join(folder, 'original')
  const file = new OriginalFile(path, heading)
  for (const chunk of chunks) await file.write(chunk)
  await file.end()
  expect(readdirSync(folder)).toEqual(['original'])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  return readFileSync(path)
}

describe('an archived object', () => {
  it('is a zstd file of the heading and the bytes as they came, in chunks of any size', async () => {
    const sizes = fc.array(fc.nat(1_500_000), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), fc.integer({ min: 1000, max: 400_000 }), async (lengths, random, chunk) => {
        const chunks = lengths.map((length, i) =>
          random ? randomBytes(length) : Buffer.alloc(length, `${i} {"a":1}\n`),
        )
        const object = await archived(...chunks)
        const whole = sha256(Buffer.concat([Buffer.from('{}\n'), ...chunks]))
        expect(sha256(await unpacked(object, chunk))).toBe(whole)
        expect(sha256(decompress(object))).toBe(whole)
      }),
      { numRuns: 12 },
    )
  })

  it('is unpacked byte by byte, and is empty but for its heading if the document was', async () => {
    const object = await archived()
    expect((await unpacked(object, 1)).toString()).toBe('{}\n')
    expect((await unpacked(Buffer.concat([object, await compressFrame(new Uint8Array())]), 1)).toString()).toBe('{}\n')
  })

  it.each([10, FRAME_BYTES * 2 + 7])(
    'has the heading that is known at the end, before a document of %i bytes',
    async (length) => {
      const document = randomBytes(length)
      const headings = ['begun\n', 'ended, with a longer heading\n']
      const object = await archivedUnder(
        () => (length > FRAME_BYTES && headings.length > 1 ? headings.shift() : headings.at(-1)) ?? '',
        [document],
      )
      expect(sha256(decompress(object))).toBe(
        sha256(Buffer.concat([Buffer.from('ended, with a longer heading\n'), document])),
      )
      expect(sha256(await unpacked(object))).toBe(sha256(decompress(object)))
    },
  )

  it('leaves no file behind if its document does not arrive', async () => {
    const folder = newFolder()
    for (const length of [10, FRAME_BYTES * 2]) {
      const file = new OriginalFile(join(folder, 'original'), () => '{}\n')
      await file.write(randomBytes(length))
      // What is left when the disk fills while the heading is replaced.
      writeFileSync(join(folder, 'original.old'), 'x')
      await file.discard()
      expect(readdirSync(folder)).toEqual([])
    }
    const file = new OriginalFile(join(folder, 'missing/original'), () => '{}\n')
    await expect(file.write(randomBytes(FRAME_BYTES))).rejects.toThrow('ENOENT')
    await file.discard()
  })

  it('is small for a byte over and over, and unpacked again', async () => {
    const zeros = Buffer.alloc(FRAME_BYTES * 64)
    const object = await archived(zeros)
    expect(object.length).toBeLessThan(10_000)
    expect(sha256((await unpacked(object)).subarray(3))).toBe(sha256(zeros))
  })
})

describe('a forged object', () => {
  it('is read no further than the document was long', async () => {
    const folder = newFolder()
    const forged = await archivedUnder(
      () => headingLine(headingOf('files', { ...documentOf('a', ''), version: 'v' }, new Date(0), 0)),
      [Buffer.alloc(FRAME_BYTES * 64)],
    )
    writeFileSync(join(folder, 'forged'), forged)
    const store = await openDirectory(folder)
    const object = await store.find('forged', never)
    const opened = object === null ? null : await openArchived(store, object, '0'.repeat(64), never, FRAME_BYTES * 3)
    let bytes = 0
    const reading = async () => {
      for await (const chunk of opened?.bytes ?? []) bytes += chunk.length
    }
    await expect(reading()).rejects.toThrow('it is longer than the document was')
    expect(bytes).toBeLessThanOrEqual(FRAME_BYTES * 3)
  })
})

describe('what is no archived object', () => {
  const refused = async (object: Uint8Array): Promise<void> => {
    const outcome = await unpacked(object).then(
      () => 'read',
      () => 'refused',
    )
    expect(outcome).toBe('refused')
  }

  it('is refused: cut anywhere, followed by anything, or altered in its structure', async () => {
    const object = await archived(Buffer.from('one\ntwo\n'.repeat(20_000)))
    for (let length = 1; length < object.length; length++) {
      // A cut between two frames leaves whole ones; the SHA-256 in the name shows it.
      if (length !== (await compressFrame(Buffer.from('{}\n'))).length) await refused(object.subarray(0, length))
    }
    await refused(Buffer.concat([object, Buffer.from('x')]))
    await refused(Buffer.concat([object, Buffer.alloc(40)]))
    await refused(Buffer.from('{"audit_logs":[]}'))
  })

  it('is refused: a frame that claims, or holds, more than a frame may', async () => {
    const magic = [0x28, 0xb5, 0x2f, 0xfd]
    // Single segment, eight bytes of length: 2^40.
    await refused(Buffer.from([...magic, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0]))
    // No length at all, with a window of 128 MiB.
    await refused(Buffer.from([...magic, 0x00, 0x88, 1, 0, 0]))
    // A length of one byte, and two repeated blocks of 128 KiB.
    const block = [0x02, 0x00, 0x10, 0x61]
    await refused(Buffer.from([...magic, 0x20, 1, ...block, 0x03, 0x00, 0x10, 0x61]))
    // A window of 2 GiB for a text of a byte.
    await refused(Buffer.from([...magic, 0x40, 0xa8, 0, 0, 9, 0, 0, 0x61]))
    // Empty blocks: 300, and for ever.
    await refused(Buffer.concat([Buffer.from([...magic, 0x20, 0]), Buffer.alloc(3 * 300), Buffer.from([1, 0, 0])]))
    await refused(Buffer.concat([Buffer.from([...magic, 0x20, 1]), Buffer.alloc(3_000_000)]))
  })
})

/** As on a Node without zstd of its own. */
async function inWebAssembly(): Promise<typeof import('../../src/archive/zstd.js')> {
  vi.resetModules()
  vi.doMock('node:zlib', () => ({ default: { constants: {} } }))
  return import('../../src/archive/zstd.js')
}

afterEach(() => {
  vi.doUnmock('node:zlib')
  vi.doUnmock('@bokuweb/zstd-wasm')
  vi.useRealTimers()
})

describe('a frame', () => {
  it('is the same from Node as from WebAssembly, byte for byte', async () => {
    // Node 20 has the library already, which must not be started twice: its memory would be exchanged while it works.
    const other = 'zstdCompressSync' in zlib ? await inWebAssembly() : { compressFrame, unpackOwnFrames }
    const texts = [0, 1, 255, 256, 257, 65_791, 65_792, FRAME_BYTES].flatMap((length) => [
      Buffer.alloc(length, '{"action":"user:login"}\n'),
      randomBytes(length),
    ])
    for (const text of texts) {
      const frame = Buffer.from(await compressFrame(text))
      expect(frame.equals(await other.compressFrame(text))).toBe(true)
      expect(sha256(await unpacked(frame))).toBe(sha256(text))
      const parts = []
      for await (const part of other.unpackOwnFrames(Readable.from([frame]))) parts.push(part)
      expect(sha256(Buffer.concat(parts))).toBe(sha256(text))
    }
    expect(Buffer.from(await compressFrame(Buffer.from('a'))).toString('hex')).toBe(FRAME_OF_A)
  })

  it('shows each bit that was altered', async () => {
    const text = '{"read_at":"2026-10-01T00:00:00.000Z"}\n'.repeat(3)
    const frame = Buffer.from(await compressFrame(Buffer.from(text)))
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const altered = Buffer.from(frame)
      altered[bit >> 3] = (frame[bit >> 3] as number) ^ (1 << (bit & 7))
      const outcome = await unpacked(altered).then(String, () => 'refused')
      expect([text, 'refused']).toContain(outcome)
    }
  })

  it.each([
    ['is missing', () => Promise.reject(new Error('not found'))],
    ['gets no memory, and therefore never starts', async () => ({ init: () => new Promise(() => {}) })],
  ])('is not called damaged when the library %s', async (_why, library) => {
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    vi.doMock('@bokuweb/zstd-wasm', library)
    const other = await inWebAssembly()
    const failing = expect(other.compressFrame(Buffer.from('a'))).rejects.toMatchObject({
      message: 'zstd, which archives need, cannot be loaded',
      outside: true,
    })
    await vi.advanceTimersByTimeAsync(10_000)
    await failing
  })
})
