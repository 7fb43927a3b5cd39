import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { startWandbApi } from '../../../src/demo/wandb-api.js'
import { opened } from '../../support/load.js'
import { listed, range, sourceOf } from './support.js'

const MEGABYTE = 1024 * 1024
const LOOK_EVERY_BYTES = 8 * MEGABYTE

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** What is kept: each version of Node collects garbage at other moments. */
function kept(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

test.each(['classic', 'current'] as const)(
  '%s: 200,000 events in a window pass through, none is kept',
  async (dialect) => {
    const now = () => new Date('2026-03-05T12:00:00Z')
    const day = range('2026-03-04', '2026-03-05')
    const api = await startWandbApi({ dialect, now, eventsPerDay: 200_000 })
    const source = sourceOf(api, { now })
    const [document] = await listed(source, day)
    if (document === undefined) throw new Error('nothing listed')
    let bytes = 0
    let peak = 0
    let lookAt = LOOK_EVERY_BYTES
    const before = kept()
    for await (const chunk of await opened(document)) {
      bytes += chunk.length
      if (bytes < lookAt) continue
      peak = Math.max(peak, kept())
      lookAt += LOOK_EVERY_BYTES
    }
    await source.close()
    await api.close()
    expect(bytes).toBeGreaterThan(60 * MEGABYTE)
    expect(peak - before).toBeLessThan(10 * MEGABYTE)
  },
  180_000,
)
