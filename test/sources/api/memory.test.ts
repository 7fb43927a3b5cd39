import { expect, test } from 'vitest'
import { startWandbApi } from '../../../src/demo/wandb-api.js'
import { opened } from '../../support/load.js'
import { listed, range, sourceOf } from './support.js'

const MEGABYTE = 1024 * 1024

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
    const used = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
    const before = used()
    for await (const chunk of await opened(document)) {
      if (Math.floor(bytes / MEGABYTE) !== Math.floor((bytes + chunk.length) / MEGABYTE)) peak = Math.max(peak, used())
      bytes += chunk.length
    }
    await source.close()
    await api.close()
    expect(bytes).toBeGreaterThan(60 * MEGABYTE)
    expect(peak - before).toBeLessThan(bytes * 0.6)
  },
  180_000,
)
