import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bufferBytes, readEvents } from '../../src/transform/read.js'
import { ndjson, newEngine, newFolder } from '../support/load.js'

const MB = 1e6
const MIB = 1 << 20

it.each([
  ['at most 128 MiB', 9000 * MB, 9000 * MB, 2, 128 * MIB],
  ['a quarter of the memory, for all threads together', 9000 * MB, 800 * MB, 2, 100 * MB],
  ['smaller where there are more threads', 9000 * MB, 1600 * MB, 8, 50 * MB],
  ['so small that each thread gets two', 200 * MB, 700 * MB, 2, 50 * MB],
  ['at least 32 MiB', 60, 128 * MB, 64, 32 * MIB],
])('a buffer is %s', (_rule, largest, memory, threads, expected) => {
  expect(bufferBytes(largest, memory, threads)).toBe(expected)
})

it('DuckDB reads lines with the smallest buffers and with the largest', async () => {
  const path = join(newFolder(), '00000000')
  writeFileSync(path, ndjson({ timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }))
  const engine = await newEngine()
  for (const buffer of [32 * MIB, 128 * MIB])
    expect(await engine.number(`SELECT count(*) FROM (${readEvents([path], buffer)})`)).toBe(1)
  engine.close()
})
