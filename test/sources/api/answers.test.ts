import { expect, it } from 'vitest'
import { apiAddress } from '../../../src/sources/api/address.js'
import { allPages } from '../../../src/sources/api/answers.js'
import type { Answer, ApiClient } from '../../../src/sources/api/client.js'
import { failure, joined } from '../../landing/support.js'
import { never } from '../../support/load.js'

/** A server that names another page after each. */
function endless(cursorOf: (page: number) => string): ApiClient {
  let page = 0
  return {
    address: apiAddress('https://acme.wandb.io', null, false),
    async get(): Promise<Answer> {
      const text = JSON.stringify({ audit_logs: [], next_cursor: cursorOf(page++) })
      async function* body(): AsyncGenerator<Uint8Array> {
        yield Buffer.from(text)
      }
      return { date: null, body: body() }
    },
    async close() {},
  }
}

it.each([
  ['that repeats a cursor', (page: number) => `page ${page % 3}`, /names the same next page twice/],
  ['that never comes to an end', (page: number) => `page ${page}`, /more than 100000 pages/],
])('a server %s is not followed for ever', async (_what, cursorOf, message) => {
  const client = endless(cursorOf)
  const error = await failure(joined(allPages(client, {}, await client.get({}, never), never)))
  expect(error.message).toMatch(message)
})
