/**
 * What documents of unusual lines cost: CPU and the peak of the whole process, at two sizes of memory.
 *
 *     npx tsx bench/shapes.ts
 */

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { measure } from './measure.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const LOADER = here('../bin/wandb-audit')
const DATA = here('./data')
const SINK = `${DATA}/shapes.duckdb`

const BASE = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"'
const MIB = 1 << 20

/** Lines without their ends. */
function* repeated(count: number, line: (i: number) => string): Generator<string> {
  for (let i = 0; i < count; i++) yield line(i)
}

const keys = (bytes: number): string =>
  Array.from({ length: bytes / 12 }, (_, i) => `"key${i.toString(36)}":${i}`).join()

const SHAPES: Readonly<Record<string, () => Iterable<string>>> = {
  '5,000 values of 20 kB': () => repeated(5000, (i) => `${BASE},"actor_user_id":${i},"x":"${'v'.repeat(20_000)}"}`),
  '6,000 lines of 8 kB, all values': () => repeated(6000, () => `${BASE},"x":[${'1,'.repeat(3950)}1]}`),
  '6,000 lines of 8 kB, all keys': () => repeated(6000, () => `${BASE},${keys(8000)}}`),
  '6,000 lines of 4 kB, all keys': () => repeated(6000, () => `${BASE},${keys(3900)}}`),
  '200 lines of 10,000 keys': () => repeated(200, () => `${BASE},${keys(120_000)}}`),
  '200 lines nested 100,000 levels': () =>
    repeated(200, () => `${BASE},"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
  'a structured line of 16 MiB': () => [`${BASE},"x":[${'{"k":1,"v":[1,"a"]},'.repeat((16 * MIB - 200) / 20)}1]}`],
  '10 rejects of 60 MiB': () => repeated(10, (i) => `${i}${'x'.repeat(60 * MIB)}`),
}

await mkdir(DATA, { recursive: true })
process.stdout.write(`${''.padEnd(34)}${['memory', 'CPU s', 'peak MB'].map((text) => text.padStart(10)).join('')}\n`)
for (const [shape, lines] of Object.entries(SHAPES)) {
  const path = `${DATA}/shape.ndjson`
  await writeFile(
    path,
    (function* () {
      for (const line of lines()) yield `${line}\n`
    })(),
  )
  for (const memory of ['512MB', '1GB']) {
    for (const end of ['', '.wal']) await rm(SINK + end, { force: true })
    const args = [
      'load',
      '--quiet',
      '--memory',
      memory,
      '--max-rejects',
      '1000',
      '--from',
      path,
      '--to',
      `duckdb:${SINK}`,
    ]
    const { usage } = await measure(LOADER, args)
    const figures = [memory, usage.cpuSeconds.toFixed(1), (usage.peakBytes / 1e6).toFixed(0)]
    process.stdout.write(`${shape.padEnd(34)}${figures.map((text) => text.padStart(10)).join('')}\n`)
  }
  await rm(path)
}
for (const end of ['', '.wal']) await rm(SINK + end, { force: true })
