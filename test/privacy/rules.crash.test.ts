import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PrivacySettings } from '../../schemas/settings.js'
import { NAME_FIELDS } from '../../schemas/tables.js'
import type { Sink } from '../../src/contract.js'
import { loadInto, ndjson } from '../support/load.js'
import { eventsOf, rowsOf } from '../support/rows.js'
import { everything, newSink, OTHER_KEY, privacyOf } from './support.js'

const AT = '2026-10-01T12:34:56Z'
const SECRET = 'sæcret-'
const NAMES = fc.string({ maxLength: 6 }).map((text) => `${SECRET}${text}`)
const record = fc.record(
  {
    timestamp: fc.constantFrom(AT, '2026-10-02T00:00:00.123456789Z', 'never'),
    action: fc.constantFrom('user:login', 'project:read'),
    actor_user_id: fc.nat(3),
    actor_ip: fc.constantFrom(`${SECRET}address`, '203.0.113.77', '2001:db8::1'),
    ...Object.fromEntries(NAME_FIELDS.map((name) => [name, NAMES])),
    run_name: NAMES,
    job_id: fc.nat(2),
    response_code: fc.constantFrom(200, 'oops'),
  },
  { requiredKeys: ['timestamp', 'action'] },
)
const lines = fc.array(fc.oneof({ weight: 9, arbitrary: record }, NAMES), { maxLength: 8 })
const documents = fc.dictionary(
  fc.constantFrom('a', 'b', 'c'),
  lines.map((each) => ndjson(...each)),
  { minKeys: 1 },
)
const rule = fc.constantFrom('drop' as const, 'pseudonym' as const)
/** Every column that the records above name somebody in has a rule. */
const closed = fc.record({
  ...(Object.fromEntries(NAME_FIELDS.map((name) => [name, rule])) as Record<(typeof NAME_FIELDS)[number], typeof rule>),
  actor_ip: fc.constantFrom('drop' as const, 'pseudonym' as const, 'truncate' as const),
}) as fc.Arbitrary<PrivacySettings>

const identities = async (sink: Sink) =>
  (await eventsOf(sink)).map(({ timestamp, action, content_hash }) => [timestamp, action, content_hash])
const rejects = async (sink: Sink) =>
  rowsOf(sink, 'SELECT reject_id, reason, message, source_line FROM audit_rejects ORDER BY reject_id')

describe('with any rules for every column', () => {
  it('the same events and rejects are there as without, and no clear value in any table or byte of the file', async () => {
    await fc.assert(
      fc.asyncProperty(documents, documents, closed, async (first, second, settings) => {
        const [clear, shown] = [newSink(), newSink()]
        for (const input of [first, second]) {
          const one = await loadInto(clear.sink, input)
          const other = await loadInto(shown.sink, input, { privacy: privacyOf(settings) })
          expect(other.sinks[0]?.inserted).toBe(one.sinks[0]?.inserted)
          expect(other.sinks[0]?.rejected).toBe(one.sinks[0]?.rejected)
        }
        expect(await identities(shown.sink)).toEqual(await identities(clear.sink))
        expect(await rejects(shown.sink)).toEqual(await rejects(clear.sink))
        expect(await everything(shown.sink)).not.toContain(SECRET)
        expect(readFileSync(shown.path).includes(SECRET)).toBe(false)
      }),
      { numRuns: 8 },
    )
  })

  it('two loads with one key give equal rows, in one batch or in several; those with another key other names', async () => {
    await fc.assert(
      fc.asyncProperty(documents, closed, async (input, settings) => {
        const [one, apart, other] = [newSink().sink, newSink().sink, newSink().sink]
        await loadInto(one, input, { privacy: privacyOf(settings) })
        for (const [id, content] of Object.entries(input))
          await loadInto(apart, { [id]: content }, { privacy: privacyOf(settings) })
        await loadInto(other, input, { privacy: privacyOf(settings, OTHER_KEY) })
        const names = async (sink: Sink) =>
          rowsOf(
            sink,
            `SELECT content_hash, actor_ip, ${NAME_FIELDS.join(', ')}, extra FROM audit_events ORDER BY "timestamp", content_hash`,
          )
        expect(await names(apart)).toEqual(await names(one))
        const pseudonyms = (rows: Awaited<ReturnType<typeof names>>) =>
          rows.flatMap((row) => Object.values(row)).filter((value) => String(value).startsWith('pseudonym:'))
        const others = new Set(pseudonyms(await names(other)))
        expect(pseudonyms(await names(one)).filter((each) => others.has(each))).toEqual([])
      }),
      { numRuns: 5 },
    )
  })
})
