/** Computes checksums of whole objects as their bytes stream by. */

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc'
import { Xxh3_64, Xxh3_128, Xxh64 } from '@aws-sdk/checksums/xxh'
import type { Checksum } from './contract.js'

export interface Digest {
  update(bytes: Uint8Array): void
  base64(): Promise<string>
}

const DIGESTS: Readonly<Record<Checksum['algorithm'], () => Digest>> = {
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
  crc32c: () => summed(new Crc32c()),
  crc64nvme: () => summed(new Crc64Nvme()),
  xxhash64: () => summed(new Xxh64()),
  xxhash3: () => summed(new Xxh3_64()),
  xxhash128: () => summed(new Xxh3_128()),
}

export const digesting = ({ algorithm }: Checksum): Digest => DIGESTS[algorithm]()

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
