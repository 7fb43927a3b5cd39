/** Places in the stand-in of Google Cloud Storage, for the suites every store must pass. */

import type { RetryPolicy } from '../../src/retry.js'
import { gcsStore } from '../../src/stores/gcs.js'
import type { FaultyPlace } from '../conformance/store-faults.js'
import type { GcsStandIn } from '../emulators/gcs.js'
import { GCS_KEYS } from './keys.js'

// No login of this machine is looked for.
process.env.GOOGLE_APPLICATION_CREDENTIALS = ''
process.env.METADATA_SERVER_DETECTION = 'none'
process.env.CLOUDSDK_CONFIG = '/nowhere'

export const AT_ONCE: RetryPolicy = { retries: 2, pauseMs: 1 }

let places = 0

export function gcsPlace(server: GcsStandIn): FaultyPlace {
  places++
  return {
    open: () => gcsStore({ bucket: 'logs', endpoint: server.url, retryPolicy: AT_ONCE }),
    prefix: `place-${places}/`,
    keys: GCS_KEYS,
    faults: {
      breakRead: (how, afterBytes) => server.fail({ kind: how, action: 'read', afterBytes }),
      pieceRead: () => server.fail({ kind: 'pieces', action: 'read', bytes: 1 }),
      throttle: () => server.fail({ kind: 'refuse', status: 429, code: 'rateLimitExceeded' }),
      reset: () => server.fail({ kind: 'reset' }),
      loseWriteAnswer: () => server.fail({ kind: 'lost-answer', action: 'write' }),
      stall: () => server.fail({ kind: 'stall' }),
      left: () => server.faultsLeft,
    },
  }
}
