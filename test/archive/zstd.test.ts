import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { decompress } from 'fzstd'
import { describe, expect, it } from 'vitest'
import { OriginalFile } from '../../src/archive/original.js'
import { compressFrame, FRAME_BYTES, unpackFrames } from '../../src/archive/zstd.js'
import { newFolder } from '../support/load.js'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function unpacked(object: Uint8Array, chunkBytes = object.length): Promise<Buffer> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < object.length; at += chunkBytes) yield object.subarray(at, at + chunkBytes)
  }
  const texts = []
  for await (const text of unpackFrames(chunks())) texts.push(text)
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
      await file.discard()
      expect(readdirSync(folder)).toEqual([])
    }
  })

  it('is small for a byte over and over, and unpacked as fast', async () => {
    const zeros = Buffer.alloc(FRAME_BYTES * 64)
    const object = await archived(zeros)
    expect(object.length).toBeLessThan(10_000)
    expect(sha256((await unpacked(object)).subarray(3))).toBe(sha256(zeros))
  })
})

describe('what is no archived object', () => {
  const refused = (object: Uint8Array) => expect(unpacked(object)).rejects.toThrow(/./)

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
    // Empty blocks for ever.
    await refused(Buffer.concat([Buffer.from([...magic, 0x20, 1]), Buffer.alloc(3_000_000)]))
  })
})
