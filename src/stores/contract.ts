/** What an object store is to its users, sources and sinks alike: complete listing, pinned reading, conditional writing. */

export interface StoredObject {
  readonly key: string
  /** Size in bytes. */
  readonly bytes: number
  /** ETag or generation: names this content; an overwritten object has another one. */
  readonly version: string
  readonly lastModified: Date
}

/** Of the whole object, as the store keeps it; `digest` is base64. */
export interface Checksum {
  readonly algorithm:
    | 'md5'
    | 'crc32'
    | 'crc32c'
    | 'crc64nvme'
    | 'sha1'
    | 'sha256'
    | 'sha512'
    | 'xxhash64'
    | 'xxhash3'
    | 'xxhash128'
  readonly digest: string
}

export interface Reading {
  /** The iteration rejects with a retryable AuditError when the connection breaks or the body is short. */
  readonly chunks: AsyncIterable<Uint8Array>
  readonly checksum: Checksum | null
}

/** `absent`: only where there is no object yet. A version: only over exactly that one. `any`: whatever is there. */
export type WriteCondition = 'any' | 'absent' | { readonly version: string }

/** The content of a new object: bytes, or all of a local file. */
export type Content = Uint8Array | { readonly file: string }

/**
 * Every method repeats, with back-off, what is safe to repeat and may help (throttling, 5xx, resets), and throws an
 * AuditError that names the store and the object, tells the cases apart (no such bucket, access denied and to what, wrong
 * region, expired login, throttled for too long) and says what to do.
 */
export interface ObjectStore {
  /** `s3://bucket`, `gs://bucket`, `az://account/container`: without a prefix, without a slash at the end. */
  readonly id: string
  /** Every object whose key begins with `prefix`, all pages of them, with keys exactly as the store has them. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>
  /** What is there now; null when nothing is. */
  find(key: string, signal: AbortSignal): Promise<StoredObject | null>
  /** The bytes from `from` on of exactly this version; null when it is no longer there, overwritten or removed. */
  read(object: Pick<StoredObject, 'key' | 'version'>, from: number, signal: AbortSignal): Promise<Reading | null>
  /** Writes a whole object at once. Returns its version; null when the condition did not hold, and then nothing is written. */
  write(key: string, content: Content, condition: WriteCondition, signal: AbortSignal): Promise<string | null>
  /** Removes an object; one that is not there is no error. */
  remove(key: string, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
