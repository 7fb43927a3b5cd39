/** Where a lake is: a local folder, or a prefix in an object store. */

import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AuditError, interrupted, usageError } from '../../src/errors.js'
import { retrying } from '../../src/retry.js'
import { scratchFolder } from '../../src/scratch.js'
import type { ObjectStore, StoredObject } from '../../src/stores/contract.js'
import { openDirectory, openStore } from '../../src/stores/index.js'
import { wholeObject } from '../../src/stores/whole-object.js'

export interface Lake {
  /** As the operator addressed it. */
  readonly id: string
  readonly store: ObjectStore
  /** Prefix of every key: empty, or ending in a slash. */
  readonly prefix: string
  /** Its path, if it is a folder. */
  readonly folder?: string
  /** Makes `path`, where nothing may be yet, a file with exactly this version; false when that version is gone. */
  fetch(object: StoredObject, path: string, signal: AbortSignal): Promise<boolean>
  /** A new folder to fetch into, on the lake's own disk if possible, so that files can be linked. The caller removes it. */
  scratch(): Promise<string>
}

/**
 * @param format  of the lake
 * @param address `parquet:FOLDER`, `parquet+s3://bucket[/prefix]`, `parquet+gs://…` or `parquet+az://…` if that is the format
 * @throws AuditError, exit code 2, when it is none of these
 */
export async function openLake(format: 'parquet' | 'delta', address: string): Promise<Lake> {
  const [inFolder, inStore] = [`${format}:`, `${format}+`]
  if (address.startsWith(inStore)) {
    const { store, prefix } = await openStore(address.slice(inStore.length))
    const folder = prefix.replace(/\/+$/, '')
    return {
      id: `${inStore}${store.id}${folder === '' ? '' : `/${folder}`}`,
      store,
      prefix: folder === '' ? '' : `${folder}/`,
      fetch: (object, path, signal) => download(store, object, path, signal),
      scratch: () => scratchFolder(),
    }
  }
  const folder = address.slice(inFolder.length)
  if (!address.startsWith(inFolder) || folder === '')
    throw usageError('a lake needs a place', `For example ${format}:lake/ or ${format}+s3://bucket/lake.`)
  const store = await openDirectory(folder)
  return {
    id: address,
    store,
    folder,
    prefix: '',
    async fetch(object, path, signal) {
      const pinned = await store.pin(object, path)
      return pinned === false ? download(store, object, path, signal) : pinned === true
    },
    scratch: () => store.scratch().catch(() => scratchFolder()),
  }
}

/** The bytes of a small object; null when this version is gone. */
export function contentOf(store: ObjectStore, object: StoredObject, signal: AbortSignal): Promise<Buffer | null> {
  return retrying(async () => {
    const reading = await store.read(object, 0, signal)
    if (reading === null) return null
    const chunks = []
    for await (const chunk of wholeObject(store, object, reading, signal)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }, signal)
}

/** All or nothing. Starts over when the connection breaks. */
function download(store: ObjectStore, object: StoredObject, path: string, signal: AbortSignal): Promise<boolean> {
  return retrying(async () => {
    const reading = await store.read(object, 0, signal)
    if (reading === null) return false
    try {
      const bytes = Readable.from(wholeObject(store, object, reading, signal))
      // What is there already may be linked to the lake's own file, and must not be truncated.
      await pipeline(bytes, createWriteStream(path, { flags: 'wx' }), { signal })
      return true
    } catch (error) {
      await rm(path, { force: true })
      throw signal.aborted ? interrupted() : error
    }
  }, signal)
}

/** Every lost race means that another loader made progress, which takes seconds, so more than a few in a row are unlikely. */
export const MOST_ATTEMPTS = 100

/** @param doing what others keep doing: `replacing …` */
export const contended = (lake: Lake, doing: string): AuditError =>
  new AuditError(`${lake.id}: other writers keep ${doing}`, {
    advice: 'Run it again while fewer loads write to this lake.',
    retryable: true,
  })
