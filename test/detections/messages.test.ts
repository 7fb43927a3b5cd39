/** Messages stay within what a webhook takes, whatever is in them. */

import { expect, it } from 'vitest'
import type { Finding } from '../../src/detections/detect.js'
import { message, parts, type WebhookForm } from '../../src/detections/messages.js'

const findings = (count: number, entity: string): Finding[] =>
  Array.from({ length: count }, (_, n) => ({
    ...{ detection: 'd', severity: 'high', title: 'Title', at: '2026-10-01T00:00:00Z', until: null },
    ...{ actor: entity, actor_email: entity, address: entity, entity, subject: entity },
    ...{ events: 1, usual: null, various: null, seconds: null, what: 'what happened', key: String(n) },
  }))

const bodies = (form: WebhookForm, all: readonly Finding[]): readonly string[] =>
  parts(form, all).map((part) => JSON.stringify(message(form, 'duckdb:a', part)))

it('a name is cut between characters, so that JSON decoders take it', () => {
  const [body = ''] = bodies('slack', findings(1, `${'a'.repeat(99)}\u{1f600}`))
  expect(body).not.toMatch(/\\ud[89a-f]/)
})

it.each([['&'.repeat(1000)], ['\u202e'.repeat(1000)], ['\u{1f600}'.repeat(1000)], ['plain']])(
  'no message of Slack has more than 13,000 characters, and all findings of few are in it: %#',
  (entity) => {
    const made = bodies('slack', findings(12, entity))
    expect(made.join('').match(/HIGH Title/g)).toHaveLength(12)
    for (const body of made) expect(body.length).toBeLessThan(13_000)
  },
)

it('posts are bounded in bytes and number, and the last one says what is left out', () => {
  const all = findings(12_000, '\u{1f600}'.repeat(1000))
  const made = bodies('json', all)
  expect(made).toHaveLength(20)
  for (const body of made) expect(Buffer.byteLength(body)).toBeLessThan(260_000)
  const listed = made.flatMap((body) => JSON.parse(body).findings).length
  expect(made.map((body) => JSON.parse(body).more)).toEqual([...Array(19).fill(undefined), 12_000 - listed])
  expect(bodies('slack', all).at(-1)).toMatch(/\d+ more: run wandb-audit check --all/)
})
