import { expect, it } from 'vitest'
import { bufferBytes } from '../../src/transform/read.js'

const MB = 1e6
const MIB = 1 << 20

it.each([
  ['no larger than the largest file', 12 * MB, 700 * MB, 2, 12 * MB],
  ['no larger than 64 MiB', 9000 * MB, 9000 * MB, 2, 64 * MIB],
  ['a sixth of the memory, for all threads together', 9000 * MB, 600 * MB, 2, 50 * MB],
  ['smaller where there are more threads', 9000 * MB, 600 * MB, 20, 5 * MB],
  ['at least 4 MiB, which is longer than any line', 60, 128 * MB, 64, 4 * MIB],
])('a buffer is %s', (_rule, largest, memory, threads, expected) => {
  expect(bufferBytes(largest, memory, threads)).toBe(expected)
})
