/** Loads with the setting `privacy`, into a DuckDB file. */

import { describe, expect, it } from 'vitest'
import { countsOf, loadInto, ndjson } from '../support/load.js'
import { POISON, squeamish } from '../support/poison.js'
import { eventsOf, rowsOf } from '../support/rows.js'
import { everything, newSink, OTHER_KEY, privacyOf } from './support.js'

const SECRET = 'sæcret-'
const AT = '2026-10-01T12:34:56Z'
const EVENT = { timestamp: AT, action: 'user:login', actor_user_id: 7, actor_ip: '203.0.113.77' }
const NAMED = { ...EVENT, actor_email: 'ada@example.com', user_email: 'grace@example.com', entity_name: 'vision' }

describe('what is loaded', () => {
  it('shows each column by its rule', async () => {
    const { sink } = newSink()
    const settings = { actor_email: 'pseudonym', user_email: 'drop', actor_ip: 'truncate', extra: 'keep' } as const
    await loadInto(sink, { a: ndjson({ ...NAMED, run_name: 'r' }) }, { privacy: privacyOf(settings) })
    expect(await eventsOf(sink)).toMatchObject([
      {
        actor_email: expect.stringMatching(/^pseudonym:[0-9a-f]{32}$/),
        user_email: null,
        actor_ip: '203.0.113.0/24',
        entity_name: 'vision',
        extra: '{"run_name":"r"}',
      },
    ])
  })

  it('counts what a dropped column would have filled as unchanged', async () => {
    const { sink } = newSink()
    const options = { privacy: privacyOf({ actor_email: 'drop' }) }
    await loadInto(sink, { a: ndjson(EVENT) }, options)
    expect(
      countsOf(await loadInto(sink, { b: ndjson({ ...EVENT, actor_email: 'ada@example.com' }) }, options)),
    ).toEqual([0, 0, 1, 0])
  })

  it('keeps contradictions as pseudonyms, within a batch and between batches', async () => {
    const { sink } = newSink()
    const options = { privacy: privacyOf({ actor_email: 'pseudonym' }) }
    const [ada, bob, cid] = ['ada', 'bob', 'cid'].map((name) =>
      ndjson({ ...EVENT, actor_email: `${name}@example.com` }),
    )
    await loadInto(sink, { a: ada ?? '', b: bob ?? '' }, options)
    await loadInto(sink, { c: cid ?? '' }, options)
    const conflicts = await rowsOf(sink, 'SELECT column_name, kept, other FROM audit_conflicts')
    expect(conflicts).toHaveLength(2)
    const pseudonym = expect.stringMatching(/^pseudonym:[0-9a-f]{32}$/)
    for (const each of conflicts)
      expect(each).toEqual({ column_name: 'actor_email', kept: pseudonym, other: pseudonym })
  })

  it('takes two spellings of an address as one, which contradict nothing', async () => {
    const { sink } = newSink()
    const options = { privacy: privacyOf({ actor_email: 'pseudonym' }) }
    const spelt = (actor_email: string): string => ndjson({ ...EVENT, actor_email })
    await loadInto(sink, { a: spelt('ada@example.com'), b: spelt('ADA@example.com') }, options)
    expect(await rowsOf(sink, 'SELECT * FROM audit_conflicts')).toEqual([])
  })

  it('keeps a long reject, and one that the sink refuses, without their text', async () => {
    const { sink } = newSink()
    const options = { privacy: privacyOf({ actor_email: 'drop' }) }
    await loadInto(sink, { a: `${SECRET.repeat(9000)}\n` }, options)
    const poisoned = ndjson(EVENT, { ...EVENT, action: `${POISON} ${SECRET}` })
    await loadInto(squeamish(sink), { b: poisoned }, options)
    expect(await rowsOf(sink, 'SELECT reason, raw FROM audit_rejects ORDER BY reason')).toEqual([
      { reason: 'not_json', raw: '' },
      { reason: 'sink_refused', raw: '' },
    ])
    expect(await rowsOf(sink, 'SELECT * FROM audit_reject_pieces')).toEqual([])
    expect(await everything(sink)).not.toContain(Buffer.from(SECRET).toString('base64').slice(0, 8))
  })
})

describe('a sink', () => {
  const SETTINGS = { actor_email: 'pseudonym', actor_ip: 'truncate' } as const
  const input = { a: ndjson(NAMED) }

  it('with clear names takes no load with privacy, and the other way round', async () => {
    const clear = newSink().sink
    await loadInto(clear, input)
    const before = await everything(clear)
    await expect(loadInto(clear, { b: input.a }, { privacy: privacyOf(SETTINGS) })).rejects.toThrow(
      /it was loaded without privacy, and this run is with privacy \(actor_email pseudonym, actor_ip truncate, extra drop, rejects drop\); nothing is loaded/,
    )
    expect(await everything(clear)).toBe(before)

    const shown = newSink().sink
    await loadInto(shown, input, { privacy: privacyOf(SETTINGS) })
    await expect(loadInto(shown, { b: input.a })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/this run is without privacy/),
    })
    await expect(
      loadInto(shown, { b: input.a }, { privacy: privacyOf({ ...SETTINGS, extra: 'keep' }) }),
    ).rejects.toThrow(/nothing is loaded/)
    expect(await eventsOf(shown)).toHaveLength(1)
  })

  it('with pseudonyms of one key takes none of another', async () => {
    const { sink } = newSink()
    await loadInto(sink, input, { privacy: privacyOf(SETTINGS) })
    const other = { privacy: privacyOf(SETTINGS, OTHER_KEY) }
    await expect(loadInto(sink, { b: input.a }, other)).rejects.toThrow(
      /its pseudonyms were made with another privacy key/,
    )
    expect(countsOf(await loadInto(sink, { b: input.a }, { privacy: privacyOf(SETTINGS) }))).toEqual([0, 0, 1, 0])
  })
})
