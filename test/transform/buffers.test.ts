import { expect, it } from 'vitest'
import { bufferBytes } from '../../src/transform/read.js'

const MB = 1e6
const MIB = 1 << 20

it.each([
  ['at most 64 MiB', 9000 * MB, 9000 * MB, 2, 64 * MIB],
  ['a sixth of the memory, for all threads together', 9000 * MB, 600 * MB, 2, 50 * MB],
  ['small where that holds no row group', 9000 * MB, 600 * MB, 8, 4 * MIB],
  ['so large that each thread gets two', 200 * MB, 700 * MB, 2, 50 * MB],
  ['small where a thread would get none', 100 * MB, 700 * MB, 2, 4 * MIB],
])('a buffer is %s', (_rule, largest, memory, threads, expected) => {
  expect(bufferBytes(largest, memory, threads)).toBe(expected)
})
