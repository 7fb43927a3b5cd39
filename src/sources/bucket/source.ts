/** A bucket as a source: every object below a prefix is a document, identified by its key and version. */

import type { DayRange, Document, Source } from '../../contract.js'
import { AuditError, printable } from '../../errors.js'
import type { ObjectStore, StoredObject } from '../../stores/contract.js'
import { wholeObject } from './reading.js'

/** Where W&B stores audit logs in an instance's bucket. */
const DEFAULT_PREFIX = 'wandb-audit-logs/'

/** An object cannot hold events after its last modification; the margin allows for time zones and differing clocks. */
const MODIFIED_MARGIN_MS = 2 * 86_400_000

/** How often an object is looked up again if it keeps being overwritten when it is opened. */
const MOST_CHANGES = 5

export interface BucketOptions {
  readonly store: ObjectStore
  /** The beginning of the keys; W&B's own folder when empty. */
  readonly prefix: string
  /** How many objects may be read at once. */
  readonly concurrency: number
}

/**
 * `list` returns every object below the prefix whose modification time does not rule out events of the range. Key names are
 * not considered, because their form is undocumented. Empty objects whose key ends in a slash are folders that some tools
 * create, and are skipped.
 *
 * An object that was overwritten after it was listed is read in its current version, which becomes the document's version.
 * An object that was removed is not an error.
 *
 * @throws AuditError when there is no object at all: a wrong prefix is more likely than an instance without logs
 */
export function bucketSource({ store, prefix, concurrency }: BucketOptions): Source {
  const begins = prefix === '' ? DEFAULT_PREFIX : prefix
  return {
    id: store.id,
    concurrency,
    async *list(range: DayRange, signal: AbortSignal): AsyncGenerator<Document> {
      let found = 0
      for await (const object of store.list(begins, signal)) {
        signal.throwIfAborted()
        if (object.key.endsWith('/') && object.bytes === 0) continue
        found++
        if (mayHold(object, range)) yield new BucketDocument(store, object)
      }
      if (found === 0) {
        throw new AuditError(`no object below ${printable(`${store.id}/${begins}`)}`, {
          advice: `Put the right prefix after the bucket's name; without one it is ${DEFAULT_PREFIX}.`,
        })
      }
    },
    close: () => store.close(),
  }
}

const mayHold = ({ lastModified }: StoredObject, { from }: DayRange): boolean =>
  from === null || lastModified.getTime() + MODIFIED_MARGIN_MS >= from.getTime()

class BucketDocument implements Document {
  readonly id: string
  readonly range = null
  private readonly store: ObjectStore
  private object: StoredObject

  constructor(store: ObjectStore, object: StoredObject) {
    this.id = `${store.id}/${object.key}`
    this.store = store
    this.object = object
  }

  get version(): string {
    return `${this.object.version} ${this.object.bytes}`
  }

  get bytes(): number {
    return this.object.bytes
  }

  async open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | null> {
    for (let changes = 0; changes < MOST_CHANGES; changes++) {
      const reading = await this.store.read(this.object, 0, signal)
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
