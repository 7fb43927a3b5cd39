/** A store that answers with the way to another host: neither the request nor its login goes there. */

import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { type Listening, listen } from '../../src/demo/listening.js'
import { openStore } from '../../src/stores/index.js'
import { failureOf } from '../conformance/stores.js'
import { never } from '../support/load.js'

let elsewhere: Listening
let store: Listening
let reached = 0
beforeAll(async () => {
  elsewhere = await listen(async (_request, response) => {
    reached++
    response.end()
  })
  store = await listen(async (request, response) => {
    const location = `${elsewhere.url.replace('127.0.0.1', 'localhost')}${request.url}`
    response.writeHead(request.method === 'GET' ? 301 : 307, { location }).end()
  })
})
afterAll(async () => {
  await store.close()
  await elsewhere.close()
})
afterEach(() => {
  vi.unstubAllEnvs()
})

it.each(['s3://bucket/x', 'gs://bucket/x', 'az://account/container/x'])('%s', async (address) => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AZURE_STORAGE_SAS_TOKEN', 'sv=2024&sig=secret')
  const opened = await openStore(`${address}?endpoint=${store.url}`)
  const list = async (): Promise<void> => {
    for await (const _ of opened.store.list('x', never));
  }
  await failureOf(list())
  await failureOf(opened.store.find('x/a', never))
  await failureOf(opened.store.write('x/a', Buffer.from('x'), 'any', never))
  await opened.store.close()
  expect(reached).toBe(0)
})
