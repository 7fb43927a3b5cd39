/** What lies in the stand-in's buckets, and how its checksums are computed. */

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import xxhash from 'xxhash-wasm'

export interface Blob {
  readonly bytes: Uint8Array
  /** With its quotes. */
  readonly etag: string
  readonly lastModified: Date
  /** Content-Encoding, x-amz-meta-… and x-amz-checksum-… as they are given back. */
  readonly headers: Readonly<Record<string, string>>
  readonly storageClass: string
  readonly archived: Archived
}

/** Null: readable. Listings tell all of it but `tier`, an archive tier of INTELLIGENT_TIERING. */
export type Archived = null | 'frozen' | 'restoring' | 'restored' | 'tier'

export interface PutOptions {
  readonly storageClass?: string
  readonly archived?: Archived
  readonly lastModified?: Date
  /** Given back with the object, names in lower case; x-amz-checksum-… only to who asks for checksums. */
  readonly headers?: Readonly<Record<string, string>>
}

export class Bucket extends Map<string, Blob> {
  private sorted: readonly string[] | null = null

  /** In the order of listings. */
  sortedKeys(): readonly string[] {
    this.sorted ??= [...this.keys()].sort(byBytes)
    return this.sorted
  }

  override set(key: string, value: Blob): this {
    if (!this.has(key)) this.sorted = null
    return super.set(key, value)
  }

  override delete(key: string): boolean {
    this.sorted = null
    return super.delete(key)
  }
}

const md5 = (bytes: Uint8Array, encoding: 'hex' | 'base64'): string => createHash('md5').update(bytes).digest(encoding)

export function blob(bytes: Uint8Array, options: PutOptions = {}): Blob {
  return {
    bytes,
    etag: `"${md5(bytes, 'hex')}"`,
    lastModified: options.lastModified ?? new Date(),
    headers: options.headers ?? {},
    storageClass: options.storageClass ?? 'STANDARD',
    archived: options.archived ?? null,
  }
}

const big32 = (value: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes.toString('base64')
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (CRC32C[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8)
  return value ^ 0xffffffff
}

/** Bit by bit, as https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme defines it. */
function crc64nvme(bytes: Uint8Array): string {
  const ones = 0xffff_ffff_ffff_ffffn
  let value = ones
  for (const byte of bytes) {
    value ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ 0x9a6c_9329_ac4b_c9b5n : value >> 1n
  }
  return Buffer.from((value ^ ones).toString(16).padStart(16, '0'), 'hex').toString('base64')
}

const { h64Raw } = await xxhash()
const xxhash64 = (bytes: Uint8Array): string =>
  Buffer.from(h64Raw(bytes).toString(16).padStart(16, '0'), 'hex').toString('base64')

const sha = (name: string) => (bytes: Uint8Array) => createHash(name).update(bytes).digest('base64')

/** By the name of their header; base64. */
export const DIGESTS: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  'content-md5': (bytes) => md5(bytes, 'base64'),
  'x-amz-checksum-crc32': (bytes) => big32(crc32(bytes)),
  'x-amz-checksum-crc32c': (bytes) => big32(crc32c(bytes)),
  'x-amz-checksum-crc64nvme': crc64nvme,
  'x-amz-checksum-xxhash64': xxhash64,
  'x-amz-checksum-sha1': sha('sha1'),
  'x-amz-checksum-sha256': sha('sha256'),
  'x-amz-checksum-sha512': sha('sha512'),
}

/** Keys in the order of S3's listings: by their UTF-8 bytes. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
