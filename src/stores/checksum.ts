/** Computes checksums of whole objects as their bytes stream by. */

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Checksum } from './contract.js'

export interface Digest {
  update(bytes: Uint8Array): void
  base64(): Promise<string>
}

/** The packages are loaded only for stores that use their algorithms. */
const crc = () => import('@aws-sdk/checksums/crc')
const xxh = () => import('@aws-sdk/checksums/xxh')

const DIGESTS: Readonly<Record<Checksum['algorithm'], () => Digest | Promise<Digest>>> = {
  md5: () => hashed('md5'),
  sha1: () => hashed('sha1'),
  sha256: () => hashed('sha256'),
  sha512: () => hashed('sha512'),
  crc32: () => {
    let value = 0
    return {
      update: (bytes) => {
        value = crc32(bytes, value)
      },
      base64: async () => bigEndian(value),
    }
  },
  crc32c: async () => summed(new (await crc()).Crc32c()),
  crc64nvme: async () => summed(new (await crc()).Crc64Nvme()),
  xxhash64: async () => summed(new (await xxh()).Xxh64()),
  xxhash3: async () => summed(new (await xxh()).Xxh3_64()),
  xxhash128: async () => summed(new (await xxh()).Xxh3_128()),
}

export const digesting = async ({ algorithm }: Checksum): Promise<Digest> => DIGESTS[algorithm]()

function hashed(algorithm: string): Digest {
  const hash = createHash(algorithm)
  return { update: (bytes) => void hash.update(bytes), base64: async () => hash.digest('base64') }
}

function summed(sum: { update(bytes: Uint8Array): void; digest(): Promise<Uint8Array> }): Digest {
  return {
    update: (bytes) => sum.update(bytes),
    base64: async () => Buffer.from(await sum.digest()).toString('base64'),
  }
}

function bigEndian(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes.toString('base64')
}
