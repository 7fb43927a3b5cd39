/** Generates a copy of an instance bucket, with the same events as the stand-in of the API but without names. */

import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { eventsIn, type World } from './wandb-api/world.js'

const DAY_MS = 86_400_000

/** What real buckets contain now and then: a login page, a truncated line, an event without a valid timestamp. */
const BAD_LINES = [
  '<html><body>Please log in</body></html>',
  '{"timestamp":"2026-10-01T10:00:00Z","action":"run:upd',
  '{"action":"user:login","actor_user_id":1001}',
  '{"timestamp":"yesterday","action":"user:login"}',
]

/** Writes one .ndjson.gz for each UTC day before today into `folder`; every tenth has some bad lines. */
export async function writeBucket(folder: string, world: World, days: number, now: Date): Promise<void> {
  await mkdir(folder, { recursive: true })
  const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS
  for (let day = 1; day <= days; day++) {
    const from = today - day * DAY_MS
    const name = `${new Date(from).toISOString().slice(0, 10)}.ndjson.gz`
    const lines = function* (): Generator<string> {
      const view = { from, to: from + DAY_MS, asOf: now.getTime(), anonymize: true }
      for (const event of eventsIn(world, view)) yield `${event}\n`
      if (day % 10 === 0) for (const line of BAD_LINES) yield `${line}\n`
    }
    await pipeline(Readable.from(lines()), createGzip(), createWriteStream(join(folder, name)))
  }
}
