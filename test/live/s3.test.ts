/** Against the S3 that WANDB_AUDIT_TEST_S3 names, with the login of the environment. */

import { expect, it } from 'vitest'
import { openStore } from '../../src/stores/index.js'
import { HOSTILE_KEYS, listed, storeConformance } from '../conformance/stores.js'
import { never } from '../support/load.js'
import { livePlaces } from './place.js'

const newPlace = livePlaces(process.env.WANDB_AUDIT_TEST_S3 ?? '', HOSTILE_KEYS)

storeConformance('a real S3', newPlace)

it('lists more objects than one page holds', async () => {
  const { open, prefix } = await newPlace()
  const store = await open()
  const keys = Array.from({ length: 1001 }, (_, i) => `${prefix}${String(i).padStart(4, '0')}`)
  for (let at = 0; at < keys.length; at += 20) {
    const some = keys.slice(at, at + 20)
    await Promise.all(some.map((key) => store.write(key, Buffer.from(key), 'any', never)))
  }
  expect((await listed(store, prefix)).map(({ key }) => key)).toEqual(keys)
})

it('has no bucket of a name that nobody took', async () => {
  const address = new URL(process.env.WANDB_AUDIT_TEST_S3 ?? '')
  const { store } = await openStore(`s3://wandb-audit-no-such-bucket-${Date.now()}${address.search}`)
  for (const work of [() => store.find('a', never), () => listed(store, '')]) {
    await expect(work()).rejects.toThrow(/there is no such bucket|access denied/)
  }
})
