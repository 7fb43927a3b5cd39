/** Places in Azurite, for the suites every store must pass. */

import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import type { RetryPolicy } from '../../src/retry.js'
import { azureStore } from '../../src/stores/azure.js'
import type { FaultyPlace } from '../conformance/store-faults.js'
import { ACCOUNT, type Azurite, KEY } from '../emulators/azurite.js'
import { AZURE_KEYS } from './keys.js'

export const AT_ONCE: RetryPolicy = { retries: 2, pauseMs: 1 }

let places = 0

export function azurePlace(azurite: Azurite): FaultyPlace {
  places++
  const env = { AZURE_STORAGE_KEY: KEY }
  return {
    open: () =>
      azureStore({ account: ACCOUNT, container: 'logs', endpoint: azurite.endpoint, env, retryPolicy: AT_ONCE }),
    prefix: `place-${places}/`,
    keys: AZURE_KEYS,
    async archive(key, state) {
      const container = new ContainerClient(`${azurite.direct}/logs`, new StorageSharedKeyCredential(ACCOUNT, KEY))
      await container.getBlobClient(key).setAccessTier(state === 'restored' ? 'Cool' : 'Archive')
    },
    faults: {
      breakRead: (how, afterBytes) => azurite.fail({ kind: how, action: 'read', afterBytes }),
      pieceRead: () => azurite.fail({ kind: 'pieces', action: 'read', bytes: 1 }),
      throttle: () => azurite.fail({ kind: 'refuse', status: 503, code: 'ServerBusy' }),
      reset: () => azurite.fail({ kind: 'reset' }),
      loseWriteAnswer: () => azurite.fail({ kind: 'lost-answer', action: 'write' }),
      stall: () => azurite.fail({ kind: 'stall' }),
      left: () => azurite.faultsLeft,
    },
  }
}
