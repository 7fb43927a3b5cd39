import { expect, it } from 'vitest'
import { eraseIn } from '../../../src/cli/erase-run.js'
import { privacyKey } from '../../../src/privacy/key.js'
import { parsePerson } from '../../../src/privacy/persons.js'
import { NO_PRIVACY } from '../../../src/privacy/shown.js'
import { loadInto, ndjson } from '../../support/load.js'
import { rowsOf } from '../../support/rows.js'
import { newSchema, newSink, standIns } from './support.js'

const on = standIns()
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }

it('an erasure deletes the text of a long extra that mentions the person, and no other', async () => {
  const schema = newSchema()
  const sink = await newSink(on, schema)
  const long = (who: string): string => `${'x '.repeat(20_000)}${who}`
  await loadInto(sink, {
    a: ndjson(
      { ...EVENT, note: long('ada@example.com') },
      { ...EVENT, actor_user_id: 8, note: long('grace@example.com') },
    ),
  })
  const privacy = { ...NO_PRIVACY, key: privacyKey('k'.repeat(64)) }
  expect((await eraseIn(sink, [parsePerson('ada@example.com')], privacy, false)).cleared).toEqual({ extra: 1 })
  const parts = await rowsOf(sink, 'SELECT "text" FROM audit_parts')
  expect(parts.map(({ text }) => text).join('')).toContain('grace@')
  expect(parts.map(({ text }) => text).join('')).not.toContain('ada@')
  expect(await rowsOf(sink, 'SELECT actor_user_id FROM audit_events WHERE extra IS NOT NULL')).toEqual([
    { actor_user_id: '8' },
  ])
  await sink.close()
})
