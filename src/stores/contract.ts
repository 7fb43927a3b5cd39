/** What sources and sinks expect of an object store: complete listings, reads pinned to a version, conditional writes. */

export interface StoredObject {
  readonly key: string
  /** Size in bytes. */
  readonly bytes: number
  /** ETag or generation; identifies this content, so an overwritten object has another one. */
  readonly version: string
  readonly lastModified: Date
  /** Says how to restore the object, when the listing tells that it is in an archive tier and cannot be read. */
  readonly archived?: string
}

/** An object, and until when the store lets nobody delete it, its administrators included; null when it does not. */
export interface LockedObject {
  readonly key: string
  readonly until: Date | null
}

/** The store's own checksum of the whole object; `digest` is base64. */
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

/** `absent`: only if no object exists. A version: only if the object has exactly that one. `any`: unconditionally. */
export type WriteCondition = 'any' | 'absent' | { readonly version: string }

/** The content of a new object: bytes, or a whole local file. */
export type Content = Uint8Array | { readonly file: string }

/**
 * Every method retries with backoff what is safe to retry and may succeed (throttling, 5xx, resets). Otherwise it throws an
 * AuditError that names the store and the object, tells the cases apart (no such bucket, which access was denied, wrong
 * region, expired login, throttled for too long) and says what to do.
 */
export interface ObjectStore {
  /** `s3://bucket`, `gs://bucket` or `az://account/container`, without a prefix or trailing slash. */
  readonly id: string
  /** True when `list` can begin after a key, and lists keys in the order of their bytes. */
  readonly listsInOrder?: true
  /**
   * Every object whose key begins with `prefix`, from all pages; keys are exactly as in the store.
   *
   * @param after only for stores that list in order: keys up to this one may be left out
   */
  list(prefix: string, signal: AbortSignal, after?: string): AsyncIterable<StoredObject>
  /** The current version of the object; null when there is none. */
  find(key: string, signal: AbortSignal): Promise<StoredObject | null>
  /**
   * Reads exactly this version, from the byte `from` on; null when it has been overwritten or removed.
   *
   * @throws ArchivedError
   */
  read(object: Pick<StoredObject, 'key' | 'version'>, from: number, signal: AbortSignal): Promise<Reading | null>
  /**
   * Writes a whole object at once. Returns its version, or null, with nothing written, when the condition did not hold.
   *
   * @param retainUntil only for stores with `locks`: until then nobody may delete or overwrite what is written
   */
  write(
    key: string,
    content: Content,
    condition: WriteCondition,
    signal: AbortSignal,
    retainUntil?: Date,
  ): Promise<string | null>
  /** For stores that can keep everyone from deleting an object: what protects each object below the prefix. */
  locks?(prefix: string, signal: AbortSignal): AsyncIterable<LockedObject>
  /**
   * Whether the bucket by default keeps new objects from being deleted, by any lock, even one that someone may lift; null if the
   * store does not say.
   *
   * @throws AuditError, exit code 130, when the signal is aborted; nothing else
   */
  locksByItself?(signal: AbortSignal): Promise<boolean | null>
  /** Removes an object; does nothing when it does not exist. */
  remove(key: string, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
