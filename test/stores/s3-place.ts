/** Places in the S3 stand-in, for the suite of stores and for S3's own tests. */

import { afterEach } from 'vitest'
import type { ObjectStore } from '../../src/stores/contract.js'
import type { Timing } from '../../src/stores/s3/client.js'
import { s3Store } from '../../src/stores/s3.js'
import type { FaultyPlace, StoreFaults } from '../conformance/store-faults.js'
import { HOSTILE_KEYS } from '../conformance/stores.js'
import { type S3Options, type S3StandIn, startS3 } from '../emulators/s3.js'

/** As the environment of whoever runs the program has it. */
export const LOGIN = {
  AWS_ACCESS_KEY_ID: 'LOCALKEYID',
  AWS_SECRET_ACCESS_KEY: 'local-secret-key',
  AWS_SESSION_TOKEN: 'local-session-token',
}
Object.assign(process.env, LOGIN)

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

export interface S3TestPlace extends FaultyPlace {
  open(timing?: Timing): ObjectStore
  readonly s3: S3StandIn
}

export const BUCKET = 'instance-bucket'

/** For requests that shall fail in the end: tried twice. */
export const IMPATIENT = { connectMs: 5_000, idleMs: 30_000, attempts: 2 }

/** Small pages, so that every listing has several. */
export async function s3Place(options: Partial<S3Options> = {}): Promise<S3TestPlace> {
  const s3 = await startS3({ buckets: [BUCKET], pageSize: 3, ...options })
  ends.push(() => s3.close())
  const open = (timing?: Timing): ObjectStore => {
    const store = s3Store({ bucket: BUCKET, endpoint: s3.url, region: s3.region }, timing)
    ends.unshift(() => store.close())
    return store
  }
  const faults: StoreFaults = {
    breakRead: (kind, afterBytes) => s3.fail({ kind, afterBytes, action: 'GetObject' }),
    pieceRead: () => s3.fail({ kind: 'pieces', bytes: 1, action: 'GetObject' }),
    throttle: () => s3.fail({ kind: 'refuse', code: 'SlowDown' }),
    reset: () => s3.fail({ kind: 'reset' }),
    loseWriteAnswer: () => s3.fail({ kind: 'lost-answer', action: 'PutObject' }),
    stall: () => s3.fail({ kind: 'stall' }),
    left: () => s3.faultsLeft,
  }
  const archive = async (key: string, state: 'archived' | 'restored'): Promise<void> =>
    s3.put(BUCKET, key, s3.get(BUCKET, key) ?? new Uint8Array(), {
      storageClass: 'DEEP_ARCHIVE',
      archived: state === 'archived' ? 'frozen' : state,
    })
  return { s3, open, faults, archive, prefix: 'audit logs/', keys: HOSTILE_KEYS }
}
