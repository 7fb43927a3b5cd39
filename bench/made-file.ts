/** The file the benchmark loads: made logs, of 30 days unless said otherwise, the same for the same seed and counts. */

import { createWriteStream } from 'node:fs'
import { mkdir, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { madeDay } from '../src/demo/made-logs.js'

const SEED = 1
const DAYS = 30
const DAY_MS = 86_400_000
export const FIRST_DAY = Date.UTC(2026, 0, 1)
const LINES_A_PIECE = 1000

/** Makes the file below `folder`, unless it is there already. Size in bytes. */
export async function madeFile(folder: string, lines: number, days = DAYS): Promise<{ path: string; bytes: number }> {
  const path = `${folder}/seed-${SEED}-lines-${lines}-days-${days}.ndjson`
  const there = await stat(path).catch(() => null)
  if (there !== null) return { path, bytes: there.size }
  await mkdir(dirname(path), { recursive: true })
  await pipeline(Readable.from(pieces(lines, days)), createWriteStream(`${path}.part`))
  await rename(`${path}.part`, path)
  return { path, bytes: (await stat(path)).size }
}

function* pieces(lines: number, days: number): Generator<string> {
  let piece: string[] = []
  for (let day = 0; day < days; day++) {
    const count = Math.floor((lines * (day + 1)) / days) - Math.floor((lines * day) / days)
    for (const event of madeDay(SEED, FIRST_DAY + day * DAY_MS, count)) {
      piece.push(`${JSON.stringify(event)}\n`)
      if (piece.length < LINES_A_PIECE) continue
      yield piece.join('')
      piece = []
    }
  }
  yield piece.join('')
}
