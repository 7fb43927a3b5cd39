/** Bodies of answers, and how long a silent server is listened to. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { watched, wholeBody } from '../../src/stores/bodies.js'
import { joined } from '../landing/support.js'
import { never } from '../support/load.js'

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

const body = (expected: number | null, end = () => {}): AsyncGenerator<Uint8Array> =>
  wholeBody(pieces('abc', 'de'), expected, 'read gs://bucket/key', never, end)

describe('a body', () => {
  it('is whole with as many bytes as were promised, or when none were', async () => {
    for (const expected of [5, null]) expect((await joined(body(expected))).toString()).toBe('abcde')
  })

  it.each([4, 6])('of other than %i bytes is not', async (expected) => {
    await expect(joined(body(expected))).rejects.toMatchObject({
      message: `could not read gs://bucket/key: 5 bytes arrived of ${expected}`,
      retryable: true,
    })
  })

  it('lets its connection go when nobody reads on', async () => {
    const end = vi.fn()
    for await (const chunk of body(5, end)) {
      expect(chunk.toString()).toBe('abc')
      break
    }
    expect(end).toHaveBeenCalledTimes(1)
  })
})

describe('a silent server', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('is given up after two minutes, counted from when it was last heard', () => {
    const watch = watched(never)
    vi.advanceTimersByTime(119_000)
    watch.heard()
    vi.advanceTimersByTime(119_000)
    expect(watch.signal.aborted).toBe(false)
    vi.advanceTimersByTime(1000)
    expect(watch.signal.aborted).toBe(true)
  })

  it('is not to blame while its bytes are used', async () => {
    const watch = watched(never)
    const chunks = watch.over(pieces('abc', 'de'))[Symbol.asyncIterator]()
    await chunks.next()
    vi.advanceTimersByTime(1_000_000)
    expect(watch.signal.aborted).toBe(false)
    await chunks.next()
    expect((await chunks.next()).done).toBe(true)
    vi.advanceTimersByTime(120_000)
    expect(watch.signal.aborted).toBe(true)
  })

  it('is not listened to once an answer is whole', () => {
    const watch = watched(never)
    watch.end()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ends with the run', () => {
    const stop = new AbortController()
    const watch = watched(stop.signal)
    stop.abort()
    expect(watch.signal.aborted).toBe(true)
    watch.end()
  })
})
