/** Work stays in proportion to the bytes that arrive, however they are made up. What each test counts grew with their square. */

import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { unwrapPages } from '../../src/landing/pages.js'
import { unpack } from '../../src/landing/unpack.js'
import { bytesOf, cutAt, failure, joined } from './support.js'

afterEach(() => void vi.restoreAllMocks())

const unwrapped = (text: string): Promise<Buffer> =>
  joined(unwrapPages(cutAt(text, []), { isPage: false, moreFollow: false }))
const unpacked = (content: string | Uint8Array, chunks = cutAt(content, [])): Promise<Buffer> =>
  joined(unpack(chunks, { asArrived: true }))

describe('a page', () => {
  it.each([
    ['of many lists', `{${'"a":[],'.repeat(5000)}"audit_logs":[],"count":0}`],
    ['of many lists of events that is none', `{"action":1${',"audit_logs":[]'.repeat(2000)}}`],
    ['of a key that only looks like the one', `{${'"x\\"audit_logs":[],'.repeat(2000)}"audit_logs":[]}`],
  ])('%s is parsed a few times at most', async (_what, text) => {
    const parse = vi.spyOn(JSON, 'parse')
    await unwrapped(text)
    expect(parse.mock.calls.length).toBeLessThan(5)
  })

  it('among thousands in one piece takes no memory of its own', async () => {
    const allocated = vi.spyOn(Buffer, 'allocUnsafe')
    expect((await unwrapped('{"audit_logs":[{}]}'.repeat(10_000))).toString()).toBe('{}\n'.repeat(10_000))
    const bytes = allocated.mock.calls.reduce((sum, [size]) => sum + size, 0)
    expect(bytes).toBeLessThan(10 * 19 * 10_000)
  })
})

describe('a byte order mark', () => {
  it('may stand there a hundred thousand times, in any pieces', async () => {
    const text = `${'\ufeff'.repeat(100_000)}a`
    expect((await unpacked(text)).toString()).toBe('a')
    expect((await unpacked(text, cutAt(text, [1, 2, 3, 100, 101, 299_999]))).toString()).toBe('a')
  })

  it('that breaks off is text', async () => {
    const cut = bytesOf('\ufeff').subarray(0, 2)
    expect((await unpacked(cut)).equals(cut)).toBe(true)
  })
})

describe('an archive', () => {
  it('of a hundred thousand empty members is empty', async () => {
    const member = gzipSync('')
    expect(await unpacked(Buffer.concat(Array.from({ length: 100_000 }, () => member)))).toHaveLength(0)
  })

  it('that arrives byte by byte is joined once for each block', async () => {
    const concat = vi.spyOn(Buffer, 'concat')
    const text = 'x'.repeat(60_000)
    expect((await unpacked('', byBytes(zstdOf([rawBlock(text)])))).toString()).toBe(text)
    const bytes = concat.mock.calls.reduce((sum, [list]) => sum + list.reduce((all, each) => all + each.length, 0), 0)
    expect(bytes).toBeLessThan(10 * text.length)
  })

  it('whose blocks move a large window for a byte each is refused', async () => {
    const bomb = zstdOf(Array.from({ length: 20_000 }, () => Buffer.from([(1 << 3) | 2, 0, 0, 0x61])))
    const error = await failure(unpacked(bomb))
    expect(error.message).toContain('would take too long to unpack for its size')
  })
})

/** A frame with a window of 128 MiB and no checksum (RFC 8878), of blocks without their last-block flags. */
function zstdOf(blocks: readonly Buffer[]): Buffer {
  const last = Buffer.from([1, 0, 0])
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3]), ...blocks, last])
}

function rawBlock(text: string): Buffer {
  const header = Buffer.alloc(3)
  header.writeUIntLE(text.length << 3, 0, 3)
  return Buffer.concat([header, Buffer.from(text)])
}

async function* byBytes(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1)
}
