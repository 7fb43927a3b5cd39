/** Against the container of Azure that WANDB_AUDIT_TEST_AZURE names, with the login of the environment. */

import { expect, it } from 'vitest'
import { openStore } from '../../src/stores/index.js'
import { listed, storeConformance } from '../conformance/stores.js'
import { AZURE_KEYS } from '../stores/keys.js'
import { livePlaces } from './place.js'

const address = process.env.WANDB_AUDIT_TEST_AZURE ?? ''

storeConformance('a real container of Azure', livePlaces(address, AZURE_KEYS))

it('has no container of a name that nobody took', async () => {
  const elsewhere = address.replace(/^(az:\/\/[^/]+\/)[^/?]+[^?]*/, `$1no-such-container-${Date.now()}`)
  const { store } = await openStore(elsewhere)
  await expect(listed(store, '')).rejects.toThrow(/there is no such container|access denied/)
  await store.close()
})
