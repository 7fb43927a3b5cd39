import fc from 'fast-check'
import { expect, it } from 'vitest'
import { digesting } from '../../src/stores/checksum.js'
import type { Checksum } from '../../src/stores/contract.js'

/** Of `hello`, by md5sum, shaNsum, Python's zlib and xxhash. */
const OF_HELLO: readonly (readonly [Checksum['algorithm'], string])[] = [
  ['md5', 'XUFAKrxLKna5cZ2REBfFkg=='],
  ['sha1', 'qvTGHdzF6KLavt4PO0gs2a6pQ00='],
  ['sha256', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='],
  ['sha512', 'm3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw=='],
  ['crc32', 'NhCmhg=='],
  ['crc32c', 'mnG7TA=='],
  ['xxhash64', 'JseCfYifbaM='],
  ['xxhash3', 'lVXoVVxi3P0='],
  ['xxhash128', 'tenBrQcbPn/Hec+qXlI4GA=='],
]

const digestOf = async (algorithm: Checksum['algorithm'], ...chunks: Uint8Array[]): Promise<string> => {
  const digest = await digesting({ algorithm, digest: '' })
  for (const chunk of chunks) digest.update(chunk)
  return digest.base64()
}

it.each(OF_HELLO)('%s of a text is what other programs make of it', async (algorithm, expected) => {
  expect(await digestOf(algorithm, Buffer.from('hello'))).toBe(expected)
})

it('crc64nvme has the check value of its definition', async () => {
  const check = Buffer.from('ae8b14860a799888', 'hex').toString('base64')
  expect(await digestOf('crc64nvme', Buffer.from('123456789'))).toBe(check)
})

it.each([...OF_HELLO.map(([algorithm]) => algorithm), 'crc64nvme' as const])(
  '%s is the same however the bytes are cut',
  async (algorithm) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.nat(2000), async (bytes, place) => {
        const cut = Math.min(place, bytes.length)
        const whole = await digestOf(algorithm, bytes)
        expect(await digestOf(algorithm, bytes.subarray(0, cut), bytes.subarray(cut))).toBe(whole)
      }),
      { numRuns: 20 },
    )
  },
)
