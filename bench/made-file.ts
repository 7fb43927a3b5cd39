/** The file the benchmark loads: made logs, of 30 days unless said otherwise, the same for the same seed and counts. */

import { createWriteStream } from 'node:fs'
import { mkdir, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type MadeEvent, madeDay } from '../src/demo/made-logs.js'

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
  await write(path, allDays(lines, days))
  return { path, bytes: (await stat(path)).size }
}

/** Makes a file for each of 30 days below a folder of their own, unless it is there already. @returns the folder, and size in bytes */
export async function madeFiles(folder: string, lines: number): Promise<{ path: string; bytes: number }> {
  const path = `${folder}/seed-${SEED}-lines-${lines}-by-day`
  await mkdir(path, { recursive: true })
  let bytes = 0
  for (let day = 0; day < DAYS; day++) {
    const file = `${path}/${new Date(FIRST_DAY + day * DAY_MS).toISOString().slice(0, 10)}.ndjson`
    if ((await stat(file).catch(() => null)) === null) await write(file, pieces(oneDay(lines, DAYS, day)))
    bytes += (await stat(file)).size
  }
  return { path, bytes }
}

async function write(path: string, content: Iterable<string>): Promise<void> {
  await pipeline(Readable.from(content), createWriteStream(`${path}.part`))
  await rename(`${path}.part`, path)
}

function* allDays(lines: number, days: number): Generator<string> {
  for (let day = 0; day < days; day++) yield* pieces(oneDay(lines, days, day))
}

function oneDay(lines: number, days: number, day: number): Iterable<MadeEvent> {
  const count = Math.floor((lines * (day + 1)) / days) - Math.floor((lines * day) / days)
  return madeDay(SEED, FIRST_DAY + day * DAY_MS, count)
}

function* pieces(events: Iterable<MadeEvent>): Generator<string> {
  let piece: string[] = []
  for (const event of events) {
    piece.push(`${JSON.stringify(event)}\n`)
    if (piece.length < LINES_A_PIECE) continue
    yield piece.join('')
    piece = []
  }
  yield piece.join('')
}
