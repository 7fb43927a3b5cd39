import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { GENEROUS } from '../../src/landing/limits.js'
import { documentOf, never } from '../support/load.js'
import { failure, landDocument, landed, landing } from './support.js'

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  return { ...fs, statfsSync: vi.fn(fs.statfsSync) }
})
const { statfsSync } = await import('node:fs')

afterEach(() => void vi.restoreAllMocks())

const EVENT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"}\n'
const limits = { ...GENEROUS, maxBytes: 10 * EVENT.length }

describe('a document', () => {
  it('of the greatest size is landed', async () => {
    expect((await landed(EVENT.repeat(10), { limits })).lines).toBe(10)
  })

  it.each([
    ['as it arrives', EVENT.repeat(11)],
    ['unpacked', gzipSync(EVENT.repeat(11))],
  ])('that is larger, %s, is refused', async (_what, content) => {
    const error = await failure(landDocument(documentOf('a', content), landing({ limits })))
    expect(error.message).toContain(`larger than ${limits.maxBytes} bytes; none of it was loaded`)
    expect(error.advice).toContain('--max-document-bytes')
  })

  it('without an end is refused when its time is over', async () => {
    let closed = false
    async function* dripping(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          yield Buffer.from(EVENT)
          await new Promise((resolve) => setImmediate(resolve))
          signal.throwIfAborted()
        }
      } finally {
        closed = true
      }
    }
    const document = { ...documentOf('a', ''), open: async (signal: AbortSignal) => dripping(signal) }
    const error = await failure(landDocument(document, landing({ limits: { ...GENEROUS, timeoutMs: 20 } })))
    expect(error.message).toContain('had not arrived after')
    expect(error.advice).toContain('--document-timeout')
    expect(error.exitCode).toBe(1)
    expect(closed).toBe(true)
  })

  it('is refused before it fills the disk', async () => {
    vi.mocked(statfsSync).mockReturnValue({ bavail: 9, blocks: 200, bsize: 4096 } as ReturnType<typeof statfsSync>)
    const error = await failure(landDocument(documentOf('a', EVENT), landing({ signal: never })))
    expect(error.message).toContain('the disk of the spool folder is nearly full')
    expect(error.advice).toContain('--spool')
  })
})
