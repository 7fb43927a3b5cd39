/** A bucket as a source: every object below a prefix is a document, identified by its key and version. */

import type { DayRange, Document, Source, Warning } from '../../contract.js'
import { ArchivedError, AuditError, interrupted, printable } from '../../errors.js'
import type { ObjectStore, StoredObject } from '../../stores/contract.js'
import { wholeObject } from '../../stores/whole-object.js'
import { listingFrom } from './listing.js'

/** Where W&B writes audit logs, below the bucket or its Helm chart's `bucket.path`. Artifacts, media and run files are next to it. */
const FOLDER = 'wandb-audit-logs/'

/** For the error when there are no logs: how many objects to inspect, and how many names to list. */
const MOST_INSPECTED = 1000
const MOST_NAMED = 8

/** An object cannot hold events after its last modification; the margin allows for time zones and differing clocks. */
const MODIFIED_MARGIN_MS = 2 * 86_400_000

/** For `doctor`: within this time even a quiet instance writes something. */
const SILENT_MS = 2 * 86_400_000

/** How often an object is looked up again if it keeps being overwritten when it is opened. */
const MOST_CHANGES = 5

export interface BucketOptions {
  readonly store: ObjectStore
  /**
   * The beginning of the keys. W&B's own folder is expected below it, unless the prefix names that folder or ends in `*`, which
   * means that it is to be used as it is.
   */
  readonly prefix: string
  /** How many objects may be read at once. */
  readonly concurrency: number
  now?(): Date
}

/**
 * `list` returns every object below the prefix whose modification time does not rule out events of the range. Key names are
 * not considered, because their form is undocumented. Empty objects whose key ends in a slash are folders that some tools
 * create, and are skipped.
 *
 * If only what is new is wanted, a listing may begin near the newest key that every sink knows: `listing.ts`.
 *
 * An object that was overwritten after it was listed is read in its current version, which becomes the document's version.
 * An object that was removed is not an error.
 *
 * @throws AuditError when there is no object at all (an empty listing is more likely a wrong prefix than a quiet instance), or
 * no folder of W&B's below the prefix
 */
export function bucketSource({ store, prefix, concurrency, now = () => new Date() }: BucketOptions): Source {
  return {
    id: store.id,
    concurrency,
    async *list(range, signal, receipts = []): AsyncGenerator<Document> {
      const begins = await logPrefix(store, prefix, signal)
      const known = store.listsInOrder === true ? receipts : []
      const { after, checkpoint } = listingFrom(store.id, begins, known, now())
      let found = 0
      for await (const object of store.list(begins, signal, after ?? undefined)) {
        if (signal.aborted) throw interrupted()
        if (object.key.endsWith('/') && object.bytes === 0) continue
        found++
        if (mayHold(object, range)) yield new BucketDocument(store, object)
      }
      if (found === 0 && after === null) {
        throw noObject(`${store.id}/${begins}`)
      }
      if (checkpoint !== null) yield checkpoint
    },
    checks() {
      let first: StoredObject | null = null
      return [
        {
          name: 'logs',
          run: async (signal) => {
            const begins = await logPrefix(store, prefix, signal)
            const found = await firstObjects(store, begins, signal)
            first = found.first
            return logsVerdict(`${store.id}/${begins}`, found, now())
          },
        },
        {
          name: 'reading',
          run: async (signal) => {
            if (first === null) return { warning: 'there is no object to read', cure: 'Check the address.' }
            const reading = await store.read(first, 0, signal)
            if (reading === null) return 'an object was found, but replaced before it was read'
            for await (const _ of reading.chunks) break
            return 'an object can be read'
          },
        },
      ]
    },
    close: () => store.close(),
  }
}

interface FirstObjects {
  readonly first: StoredObject | null
  readonly objects: number
  readonly newest: Date | null
}

async function firstObjects(store: ObjectStore, begins: string, signal: AbortSignal): Promise<FirstObjects> {
  let first: StoredObject | null = null
  let newest: Date | null = null
  let objects = 0
  for await (const object of store.list(begins, signal)) {
    if (object.key.endsWith('/') && object.bytes === 0) continue
    objects++
    if (object.archived === undefined) first ??= object
    if (newest === null || object.lastModified > newest) newest = object.lastModified
    if (objects === MOST_INSPECTED) break
  }
  return { first, objects, newest }
}

/** @throws AuditError when there is no object */
function logsVerdict(where: string, { objects, newest }: FirstObjects, now: Date): string | Warning {
  if (newest === null) throw noObject(where)
  if (objects === MOST_INSPECTED) return `there are ${objects} objects or more below ${printable(where)}`
  const found = `${objects} objects below ${printable(where)}, the newest from ${newest.toISOString().slice(0, 19)}Z`
  if (now.getTime() - newest.getTime() < SILENT_MS) return found
  return {
    warning: found,
    cure: 'W&B writes every ten minutes while people work: find out whether it still logs here.',
  }
}

const noObject = (where: string): AuditError =>
  new AuditError(`no object below ${printable(where)}`, {
    advice: `Put the right prefix after the bucket's name; without one it is ${FOLDER}.`,
  })

/** @throws AuditError when there is no W&B folder: the other objects of an instance's bucket are not logs */
async function logPrefix(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<string> {
  if (prefix === '') return FOLDER
  if (prefix.endsWith('*')) return prefix.slice(0, -1)
  if (`${prefix}/`.includes(FOLDER)) return prefix
  const folder = prefix.replace(/\/+$/, '')
  const below = `${folder}/${FOLDER}`
  for await (const _ of store.list(below, signal)) return below
  const names = await namesBelow(store, `${folder}/`, signal)
  throw new AuditError(`${printable(`${store.id}/${folder}`)} has no ${FOLDER}`, {
    advice:
      `${names.length === 0 ? 'Nothing is there' : `There is: ${names.map(printable).join(', ')}`}. ` +
      `Name the folder with the logs; if that folder has another name, end it with *: ${printable(`${store.id}/${folder}/*`)}`,
  })
}

/** The first names directly below a folder; none when they cannot be listed. */
async function namesBelow(store: ObjectStore, folder: string, signal: AbortSignal): Promise<string[]> {
  const names = new Set<string>()
  let objects = 0
  try {
    for await (const { key } of store.list(folder, signal)) {
      names.add(/^[^/]*\/?/.exec(key.slice(folder.length))?.[0] ?? '')
      if (++objects === MOST_INSPECTED || names.size === MOST_NAMED) break
    }
  } catch (error) {
    if (signal.aborted || !(error instanceof AuditError)) throw error
  }
  return [...names]
}

const mayHold = ({ lastModified }: StoredObject, { from }: DayRange): boolean =>
  from === null || lastModified.getTime() + MODIFIED_MARGIN_MS >= from.getTime()

class BucketDocument implements Document {
  readonly id: string
  readonly range = null
  archived: string | undefined
  private readonly store: ObjectStore
  private object: StoredObject

  constructor(store: ObjectStore, object: StoredObject) {
    this.id = `${store.id}/${object.key}`
    this.store = store
    this.object = object
    this.archived = object.archived
  }

  get version(): string {
    return `${this.object.version} ${this.object.bytes}`
  }

  get bytes(): number {
    return this.object.bytes
  }

  async open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | null> {
    for (let changes = 0; changes < MOST_CHANGES; changes++) {
      const reading = await this.store.read(this.object, 0, signal).catch((error: unknown) => {
        if (error instanceof ArchivedError) this.archived = error.advice
        throw error
      })
      if (reading !== null) return wholeObject(this.store, this.object, reading, signal)
      const now = await this.store.find(this.object.key, signal)
      if (now === null) return null
      this.object = now
    }
    throw new AuditError('the object keeps being overwritten while it is opened', {
      retryable: true,
      advice: 'Load it again once nothing writes to it.',
    })
  }
}
