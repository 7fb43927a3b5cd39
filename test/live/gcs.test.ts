/** Against the bucket of Google Cloud Storage that WANDB_AUDIT_TEST_GCS names, with the login of the environment. */

import { expect, it } from 'vitest'
import { openStore } from '../../src/stores/index.js'
import { listed, storeConformance } from '../conformance/stores.js'
import { GCS_KEYS } from '../stores/keys.js'
import { livePlaces } from './place.js'

const address = process.env.WANDB_AUDIT_TEST_GCS ?? ''

storeConformance('a real bucket of Google Cloud Storage', livePlaces(address, GCS_KEYS))

it('has no bucket of a name that nobody took', async () => {
  const { store } = await openStore(`gs://wandb-audit-no-such-bucket-${Date.now()}${new URL(address).search}`)
  await expect(listed(store, '')).rejects.toThrow(/there is no such bucket|access denied/)
  await store.close()
})
