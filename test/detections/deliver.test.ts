/** What a webhook refuses is split only if a value may be the cause. */

import { expect, it, onTestFinished } from 'vitest'
import { deliver } from '../../src/detections/deliver.js'
import type { Finding } from '../../src/detections/detect.js'
import { openWebhook } from '../../src/webhook.js'
import { never } from '../support/load.js'
import { webhook } from '../support/webhook.js'

const FINDINGS: readonly Finding[] = Array.from({ length: 100 }, (_, n) => ({
  ...{ detection: 'd', severity: 'high', title: 'Title', at: '2026-10-01T00:00:00Z', until: null },
  ...{ actor: 'a', actor_email: 'a', address: 'a', entity: 'a', subject: 'a' },
  ...{ events: 1, usual: null, various: null, seconds: null, what: 'It happened.', key: String(n) },
}))

/** @returns the bodies of all posts, without what was retried; and the error in the end */
async function delivered(url: string): Promise<{ posts: { findings: Finding[] }[]; error: unknown }> {
  const purpose = { what: 'the webhook', option: '--webhook', doing: 'post findings' }
  const hook = openWebhook(url, purpose, { retries: 1, pauseMs: 1 })
  onTestFinished(() => hook.close())
  const posts: { findings: Finding[] }[] = []
  const post = (body: object): Promise<void> => {
    posts.push(body as { findings: Finding[] })
    return hook.post(body, never)
  }
  const error = await deliver(FINDINGS, { form: 'json', sink: 'duckdb:a', post, onTaken: async () => {} }).then(
    () => null,
    (error: unknown) => error,
  )
  return { posts, error }
}

it.each([429, 500, 503])(
  'a server that answers %i gets all findings once more, without values, and no parts',
  async (status) => {
    const hook = await webhook()
    hook.status = status
    const { posts, error } = await delivered(hook.url)
    expect(posts.map(({ findings }) => findings.length)).toEqual([100, 100])
    expect(error).toMatchObject({ message: expect.stringContaining(`it answered ${status} (tried 2 times)`) })
  },
)

it('a server that cannot be reached gets no parts either', async () => {
  const { posts } = await delivered('http://127.0.0.1:1/s3cret')
  expect(posts.map(({ findings }) => findings.length)).toEqual([100, 100])
})

it('a body that is refused is split, and a finding that is refused by itself is posted in a whole sentence', async () => {
  const hook = await webhook()
  hook.status = (body) => (body.includes('"actor":"a"') ? 413 : 200)
  const { posts, error } = await delivered(hook.url)
  expect(error).toBeNull()
  // Each of the 199 parts, and each finding once more.
  expect(posts).toHaveLength(299)
  const [finding] = posts.at(-1)?.findings ?? []
  expect(finding).toMatchObject({ actor: null, what: expect.stringMatching(/^It happened\. [A-Z].*\.$/) })
  expect(finding?.what).not.toContain(';')
})
