/** What every sink must do for privacy: take what the rules leave, remember them and erasures, and show a masked view. */

import { describe, expect, it } from 'vitest'
import { eraseIn } from '../../src/cli/erase-run.js'
import type { Sink } from '../../src/contract.js'
import { privacyKey } from '../../src/privacy/key.js'
import { parsePerson } from '../../src/privacy/persons.js'
import { rulesOf } from '../../src/privacy/rules.js'
import { NO_PRIVACY, type Privacy } from '../../src/privacy/shown.js'
import { countsOf, loadInto, ndjson } from '../support/load.js'
import { eventsOf, rowsOf } from '../support/rows.js'

const KEY = privacyKey('k'.repeat(64))
const WITH_KEY: Privacy = { ...NO_PRIVACY, key: KEY }
const AT = '2026-10-01T12:34:56Z'
const EVENT = { timestamp: AT, action: 'user:login', actor_user_id: 7, actor_ip: '203.0.113.77' }
const ADA = { ...EVENT, actor_email: 'ada@example.com', project_name: 'baseline' }
const GRACE = { ...EVENT, timestamp: '2026-10-02T00:00:00Z', actor_user_id: 8, actor_email: 'grace@example.com' }
const BAD = 'of ada@example.com'

export function privacyConformance(name: string, newSink: () => Promise<Sink>): void {
  describe(`${name}: privacy`, () => {
    it('takes what the rules leave, and then no load under other rules', async () => {
      const sink = await newSink()
      const privacy = { ...WITH_KEY, rules: rulesOf({ actor_email: 'pseudonym', actor_ip: 'truncate' }) }
      expect(countsOf(await loadInto(sink, { a: ndjson({ ...ADA, run_name: 'r' }, BAD) }, { privacy }))).toEqual([
        1, 0, 0, 1,
      ])
      const renamed = ndjson({ ...ADA, actor_email: 'renamed@example.com' })
      expect(countsOf(await loadInto(sink, { b: renamed }, { privacy }))).toEqual([0, 0, 1, 0])
      const pseudonym = expect.stringMatching(/^pseudonym:[0-9a-f]{32}$/)
      expect(await eventsOf(sink)).toMatchObject([
        { actor_email: pseudonym, actor_ip: '203.0.113.0/24', project_name: 'baseline', extra: null },
      ])
      expect(await rowsOf(sink, 'SELECT kept, other FROM audit_conflicts')).toEqual([
        { kept: pseudonym, other: pseudonym },
      ])
      expect(await rowsOf(sink, 'SELECT raw FROM audit_rejects')).toEqual([{ raw: '' }])
      await expect(loadInto(sink, { c: ndjson(ADA) })).rejects.toThrow(
        /nothing is loaded, because one sink does not mix the two/,
      )
      expect(countsOf(await loadInto(sink, { c: ndjson(ADA) }, { privacy }))).toEqual([0, 0, 1, 0])
      await sink.close()
    })

    it('with clear names in it takes no load with privacy', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(ADA) })
      const privacy = { ...WITH_KEY, rules: rulesOf({ actor_email: 'drop' }) }
      await expect(loadInto(sink, { b: ndjson(ADA) }, { privacy })).rejects.toThrow(/it was loaded without privacy/)
      expect(await rowsOf(sink, 'SELECT * FROM audit_privacy')).toEqual([])
      await sink.close()
    })

    it('remembers an erasure that precedes all loads, once, and needs its key from then on', async () => {
      const sink = await newSink()
      for (const who of ['ada@example.com', 'ADA@example.com']) await eraseIn(sink, [parsePerson(who)], WITH_KEY, false)
      expect(await rowsOf(sink, 'SELECT privacy_id, kind FROM audit_privacy')).toEqual([
        { privacy_id: KEY.keyed('erased email', 'ada@example.com'), kind: 'erased' },
      ])
      await expect(loadInto(sink, { a: ndjson(ADA) })).rejects.toThrow(/needs the privacy key/)
      await loadInto(sink, { a: ndjson(ADA, BAD) }, { privacy: WITH_KEY })
      expect(await eventsOf(sink)).toMatchObject([{ actor_email: null, project_name: 'baseline' }])
      expect(await rowsOf(sink, 'SELECT raw FROM audit_rejects')).toEqual([{ raw: '' }])
      await sink.close()
    })

    it('clears a person where it can, and keeps later loads from filling the gap; or else says so and changes nothing', async () => {
      const sink = await newSink()
      const contradicting = ndjson({ ...ADA, actor_email: 'other@example.com', note: ['ada@example.com'] })
      const long = { ...GRACE, note: `${'x '.repeat(15_000)}ada@example.com` }
      await loadInto(sink, { a: ndjson(ADA, long, BAD), b: contradicting })
      const erase = () => eraseIn(sink, [parsePerson('ada@example.com')], WITH_KEY, false)
      const texts = async () =>
        JSON.stringify(
          [
            await eventsOf(sink),
            await rowsOf(sink, 'SELECT kept, other FROM audit_conflicts'),
            await rowsOf(sink, 'SELECT raw FROM audit_rejects'),
          ],
          (_, value) => (typeof value === 'bigint' ? String(value) : value),
        )
      if (sink.erase === undefined) {
        const before = await texts()
        await expect(erase()).rejects.toThrow(
          /its tables cannot be changed from here; nothing is cleared or remembered/,
        )
        expect(await texts()).toBe(before)
        expect(await rowsOf(sink, 'SELECT * FROM audit_privacy')).toEqual([])
        await sink.close()
        return
      }
      expect((await erase()).cleared).toEqual({ actor_email: 1, extra: 2, audit_conflicts: 1, audit_rejects: 1 })
      expect(await texts()).not.toContain('ada@')
      expect((await erase()).cleared).toEqual({})
      expect(countsOf(await loadInto(sink, { c: contradicting, d: ndjson(ADA) }, { privacy: WITH_KEY }))).toEqual([
        0, 1, 1, 0,
      ])
      expect(await texts()).not.toContain('ada@')
      expect(await eventsOf(sink)).toMatchObject([
        { actor_email: 'other@example.com', project_name: 'baseline' },
        { actor_email: 'grace@example.com' },
      ])
      await sink.close()
    })

    it('shows analysts a view without names and addresses', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson({ ...ADA, note: 'ada@example.com' }) })
      const [row] = await rowsOf(sink, 'SELECT * FROM audit_events_masked')
      expect(row).toMatchObject({
        action: 'user:login',
        actor_user_id: '7',
        actor_email: '(masked)',
        actor_ip: '(masked)',
        project_name: '(masked)',
        user_email: null,
      })
      expect(Object.keys(row ?? {})).not.toContain('content_hash')
      expect(JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value))).not.toMatch(
        /ada@|203\.0|baseline/,
      )
      await sink.close()
    })
  })
}
