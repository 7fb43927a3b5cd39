/** Erasures, found and cleared as the command does it. */

import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { lakeSink } from '../../sinks/parquet/index.js'
import { eraseIn, personsFrom } from '../../src/cli/erase-run.js'
import { parsePerson } from '../../src/privacy/persons.js'
import { countsOf, loadInto, ndjson, never } from '../support/load.js'
import { memoryLake } from '../support/memory-lake.js'
import { eventsOf, rowsOf } from '../support/rows.js'
import { everything, KEY, newSink, OTHER_KEY, privacyOf } from './support.js'

const AT = '2026-10-01T12:34:56Z'
const EVENT = { timestamp: AT, action: 'user:login', actor_user_id: 7 }
const ADA = { ...EVENT, actor_email: 'ada@example.com', project_name: 'baseline' }
const GRACE = {
  ...EVENT,
  actor_user_id: 8,
  actor_email: 'grace@example.com',
  user_email: 'Ada@Example.com',
  user_asset: 7,
}

const WITH_KEY = { privacy: privacyOf({}) }
const erase = (sink: ReturnType<typeof newSink>['sink'], who: string, dryRun = false) =>
  eraseIn(sink, [parsePerson(who)], privacyOf({}), dryRun)

describe('an erasure by e-mail address', () => {
  it('clears it in every spelling, and nothing else; a dry run only counts', async () => {
    const { sink } = newSink()
    await loadInto(sink, { a: ndjson(ADA, GRACE) })
    const before = await everything(sink)
    expect(await erase(sink, ' ADA@example.com', true)).toMatchObject({
      cleared: { actor_email: 1, user_email: 1 },
      remembered: false,
    })
    expect(await everything(sink)).toBe(before)
    expect(await erase(sink, ' ADA@example.com')).toMatchObject({
      cleared: { actor_email: 1, user_email: 1 },
      remembered: true,
    })
    expect(await eventsOf(sink)).toMatchObject(
      [
        { actor_email: 'grace@example.com', user_email: null },
        { actor_email: null, project_name: 'baseline', names_document: 'a' },
      ]
        .sort((one) => (one.actor_email === null ? 1 : -1))
        .map((row) => expect.objectContaining(row)),
    )
    expect((await everything(sink)).toLowerCase()).not.toContain('ada@example')
  })

  it('holds at later loads, into this and into other sinks of the run', async () => {
    const [{ sink }, { sink: other }] = [newSink(), newSink()]
    await loadInto(sink, { a: ndjson(EVENT) })
    await erase(sink, 'ada@example.com')
    const named = ndjson(
      { ...ADA, run_owner: 'ada@EXAMPLE.com', note: 'by ada@example.com.' },
      `not JSON of <ada@example.com>`,
    )
    const summary = await loadInto(sink, { b: named }, { ...WITH_KEY, sinks: [sink, other] })
    expect(countsOf(summary)).toEqual([0, 1, 0, 1])
    // What the other sink did not get either, it remembers: it may be verified or loaded alone.
    const remembered = await rowsOf(sink, 'SELECT privacy_id, kind, value FROM audit_privacy')
    expect(remembered).toHaveLength(1)
    expect(await rowsOf(other, 'SELECT privacy_id, kind, value FROM audit_privacy')).toEqual(remembered)
    for (const each of [sink, other]) {
      expect((await everything(each)).toLowerCase()).not.toContain('ada@example')
      expect(await eventsOf(each)).toMatchObject([
        { actor_email: null, project_name: 'baseline', extra: '{"note":"erased","run_owner":"erased"}' },
      ])
      expect(await rowsOf(each, 'SELECT raw FROM audit_rejects')).toEqual([{ raw: '' }])
    }
  })

  it('clears conflicts, extra and rejects that mention it', async () => {
    const { sink } = newSink()
    await loadInto(sink, {
      a: ndjson(ADA),
      b: ndjson(
        { ...ADA, actor_email: 'other@example.com', run_name: 'r' },
        { ...GRACE, owner: { mail: ['ada@example.com'] } },
      ),
      c: ndjson({ ...ADA, run_name: 'of ada@example.com' }, 'raw \\u0061da@example.com', 'of nobody'),
    })
    const { cleared } = await erase(sink, 'ada@example.com')
    expect(cleared).toEqual({ actor_email: 1, user_email: 1, extra: 1, audit_conflicts: 2, audit_rejects: 1 })
    expect((await everything(sink)).toLowerCase()).not.toContain('ada@example')
    expect(await rowsOf(sink, 'SELECT * FROM audit_conflicts')).toEqual([])
    expect((await rowsOf(sink, 'SELECT raw FROM audit_rejects ORDER BY raw')).map(({ raw }) => raw)).toEqual([
      '',
      'of nobody',
    ])
    expect(await erase(sink, 'ada@example.com')).toMatchObject({ cleared: {} })
  })
})

describe('a first load into a lake that was killed', () => {
  /** What is there before the row of audit_loads. */
  async function killed(lines: string) {
    const lake = memoryLake()
    await loadInto(lakeSink(lake, never), { a: lines })
    for (const key of lake.objects.keys()) if (/^audit_(?:loads|documents)\//.test(key)) lake.objects.delete(key)
    return lakeSink(lake, never)
  }

  it('leaves names, which an erasure clears', async () => {
    const sink = await killed(ndjson(ADA))
    expect((await erase(sink, 'ada@example.com')).cleared).toEqual({ actor_email: 1 })
    expect(await everything(sink)).not.toContain('ada@')
  })

  it.each([
    ['events', ndjson(ADA)],
    ['rejects', 'of ada@example.com'],
  ])('leaves %s, so that no other rules are accepted', async (_, lines) => {
    const sink = await killed(lines)
    const privacy = privacyOf({ actor_email: 'pseudonym' })
    await expect(loadInto(sink, { b: ndjson(ADA) }, { privacy })).rejects.toThrow(/it was loaded without privacy/)
  })
})

describe('an address inside a name', () => {
  const NAMED = {
    ...EVENT,
    actor_email: 'Ada <ada@example.com>',
    entity_name: 'ada@example.com',
    project_name: 'of-ada@example.com',
    report_name: 'by ada@example.com',
    artifact_qualified_name: 'team/ada@example.com/x:v0',
  }

  it('is cleared with the name, also from conflicts, and at later loads', async () => {
    const { sink } = newSink()
    await loadInto(sink, { a: ndjson(NAMED), b: ndjson({ ...NAMED, report_name: 'other' }) })
    const { cleared } = await erase(sink, 'ada@example.com')
    expect(cleared).toEqual({
      actor_email: 1,
      entity_name: 1,
      project_name: 1,
      report_name: 1,
      artifact_qualified_name: 1,
      audit_conflicts: 1,
    })
    await loadInto(sink, { c: ndjson(NAMED, { ...NAMED, actor_user_id: 8 }) }, WITH_KEY)
    expect(await everything(sink)).not.toContain('ada@')
  })
})

describe('an erasure by user id', () => {
  it('clears the addresses beside the id, whatever they are, and conflicts about them', async () => {
    const { sink } = newSink()
    await loadInto(sink, { a: ndjson(ADA, GRACE), b: ndjson({ ...ADA, actor_email: 'renamed@example.com' }) })
    expect((await erase(sink, 'id:7')).cleared).toEqual({ actor_email: 1, user_email: 1, audit_conflicts: 1 })
    await loadInto(sink, { c: ndjson({ ...ADA, actor_email: 'third@example.com' }) }, WITH_KEY)
    const text = await everything(sink)
    expect(text).not.toMatch(/ada@|Ada@|renamed@|third@/)
    expect(text).toContain('grace@')
  })
})

describe('an erasure by name', () => {
  it("clears the entity's name, and artifacts that are named after it", async () => {
    const { sink } = newSink()
    const named = { ...EVENT, entity_name: 'Ada', artifact_qualified_name: 'ada/project/model:v0' }
    await loadInto(sink, {
      a: ndjson(named, { ...named, entity_name: 'adana', artifact_qualified_name: 'adana/ada/x:v0' }),
    })
    expect((await erase(sink, 'name:ada')).cleared).toEqual({ entity_name: 1, artifact_qualified_name: 1 })
    await loadInto(sink, { b: ndjson(named) }, WITH_KEY)
    expect(
      await rowsOf(
        sink,
        'SELECT entity_name, artifact_qualified_name, names_document FROM audit_events ORDER BY 1 NULLS FIRST',
      ),
    ).toEqual([
      { entity_name: null, artifact_qualified_name: null, names_document: null },
      { entity_name: 'adana', artifact_qualified_name: 'adana/ada/x:v0', names_document: 'a' },
    ])
  })
})

describe('what a sink remembers of an erasure', () => {
  it('needs the key: without it, or with another one, nothing is loaded or erased', async () => {
    const { sink } = newSink()
    await loadInto(sink, { a: ndjson(EVENT) })
    await erase(sink, 'ada@example.com')
    const before = await everything(sink)
    await expect(loadInto(sink, { b: ndjson(ADA) })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/needs the privacy key/),
    })
    const other = { privacy: privacyOf({}, OTHER_KEY) }
    await expect(loadInto(sink, { b: ndjson(ADA) }, other)).rejects.toThrow(
      /its erasures were made with another privacy key; nothing is loaded or erased/,
    )
    await expect(eraseIn(sink, [parsePerson('x@example.com')], other.privacy, false)).rejects.toThrow(
      /another privacy key/,
    )
    expect(await everything(sink)).toBe(before)
  })

  it('is made with the key of the pseudonyms, or nothing is', async () => {
    const { sink } = newSink()
    const rules = { actor_email: 'pseudonym' } as const
    await loadInto(sink, { a: ndjson(ADA) }, { privacy: privacyOf(rules) })
    const before = await everything(sink)
    await expect(eraseIn(sink, [parsePerson('ada@example.com')], privacyOf({}, OTHER_KEY), false)).rejects.toThrow(
      /its pseudonyms were made with another privacy key; nothing is loaded or erased/,
    )
    expect(await everything(sink)).toBe(before)
    await loadInto(sink, { b: ndjson(ADA) }, { privacy: privacyOf(rules) })
  })

  it('and pseudonyms are made with the key of earlier erasures, or no rules are remembered', async () => {
    const { sink } = newSink()
    await erase(sink, 'ada@example.com')
    const rules = { actor_email: 'pseudonym' } as const
    await expect(loadInto(sink, { a: ndjson(ADA) }, { privacy: privacyOf(rules, OTHER_KEY) })).rejects.toThrow(
      /its erasures were made with another privacy key/,
    )
    await loadInto(sink, { a: ndjson(ADA) }, { privacy: privacyOf(rules) })
    expect(await eventsOf(sink)).toMatchObject([{ actor_email: null }])
  })

  it('is a keyed hash, and the same for each spelling', async () => {
    const { sink } = newSink()
    await erase(sink, 'ada@example.com')
    await erase(sink, 'ADA@example.com')
    expect(await rowsOf(sink, 'SELECT privacy_id, kind, value FROM audit_privacy')).toEqual([
      { privacy_id: KEY.keyed('erased email', 'ada@example.com'), kind: 'erased', value: `key ${KEY.check}` },
    ])
  })

  it('may precede the first load, which then respects it', async () => {
    const { sink } = newSink()
    expect(await erase(sink, 'ada@example.com')).toMatchObject({ cleared: {}, remembered: true })
    await loadInto(sink, { a: ndjson(ADA) }, WITH_KEY)
    expect(await eventsOf(sink)).toMatchObject([{ actor_email: null, project_name: 'baseline' }])
  })

  it('holds with pseudonyms too: those of the person are cleared, and made no more', async () => {
    const { sink } = newSink()
    const privacy = privacyOf({ actor_email: 'pseudonym' })
    await loadInto(sink, { a: ndjson(ADA) }, { privacy })
    const [row] = await eventsOf(sink)
    const { cleared } = await eraseIn(sink, [parsePerson('ada@example.com')], privacy, false)
    expect(cleared).toEqual({ actor_email: 1 })
    await loadInto(sink, { b: ndjson(ADA) }, { privacy })
    expect(await everything(sink)).not.toContain(String(row?.actor_email))
  })
})

describe('a long reject', () => {
  it('that mentions an erased address across two pieces is stored without its text', async () => {
    const { sink } = newSink()
    await erase(sink, 'ada@example.com')
    const line = (mail: string): string => `${' '.repeat(14_990)}x ${mail} ${' '.repeat(20_000)}`
    await loadInto(sink, { a: `${line('ada@example.com')}\n${line('bob@example.com')}\n` }, WITH_KEY)
    const text = await everything(sink)
    expect(text).not.toContain('mple.com x')
    expect(await rowsOf(sink, "SELECT count(*)::INTEGER AS n FROM audit_rejects WHERE raw = ''")).toEqual([{ n: 1 }])
    expect(await rowsOf(sink, 'SELECT count(DISTINCT reject_id)::INTEGER AS n FROM audit_reject_pieces')).toEqual([
      { n: 1 },
    ])
  })
})

describe('who is meant', () => {
  it('comes from arguments, or from the lines of standard input', async () => {
    const input = Object.assign(new PassThrough(), { isTTY: false })
    input.end('ada@example.com\n\n id:7\nname:Ada\n')
    expect(await personsFrom(undefined, input)).toEqual([
      { kind: 'email', form: 'ada@example.com', given: 'ada@example.com' },
      { kind: 'id', form: '7', given: '7' },
      { kind: 'name', form: 'ada', given: 'Ada' },
    ])
    expect(await personsFrom(['id:8'], input)).toEqual([{ kind: 'id', form: '8', given: '8' }])
  })

  it.each([
    '',
    'ada',
    'id:',
    'name: ',
    'id',
    'ada@',
    '@example.com',
    'Ada <ada@example.com>',
    'mailto:ada@example.com',
    'ada@example.com, bob@example.com',
    'ID:7@',
  ])('is not said by %j, and the text is not repeated', (text) => {
    expect(() => parsePerson(text)).toThrow(/^a person is named by an e-mail address, id:USER_ID, or name:ENTITY_NAME$/)
  })
})
