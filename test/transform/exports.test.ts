/** Rows of exports: each is proven by its hash, or becomes a reject. */

import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { eraseIn } from '../../src/cli/erase-run.js'
import type { Document, Sink } from '../../src/contract.js'
import { privacyKey } from '../../src/privacy/key.js'
import { parsePerson } from '../../src/privacy/persons.js'
import { rulesOf } from '../../src/privacy/rules.js'
import { NO_PRIVACY } from '../../src/privacy/shown.js'
import { contentHash, type ExactRecord, exact } from '../support/exact.js'
import { countsOf, documentOf, loadInto, ndjson, newFolder } from '../support/load.js'
import { POISON, squeamish } from '../support/poison.js'
import { eventsOf, rowsOf } from '../support/rows.js'

const AT = '2026-10-01T12:34:56Z'
const EVENT = { timestamp: AT, action: 'user:login', actor_user_id: '7', actor_ip: '10.0.0.1' }
const FROM = { source_document: 'a document', source_line: 3, load_id: 'l', loaded_at: AT }

/** The row of an event, as the n-th repeat of its document. */
const row = (event: ExactRecord, repeat = 0, more: object = {}) => ({
  ...event,
  content_hash: contentHash(event, repeat),
  ...FROM,
  ...more,
})

const exported = (id: string, ...rows: readonly unknown[]): Document => ({
  ...documentOf(id, ndjson(...rows)),
  isExport: true,
})

let sink: Sink
beforeEach(() => {
  sink = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })
})

const reasons = async (): Promise<unknown[]> =>
  (await rowsOf(sink, 'SELECT source_line, reason FROM audit_rejects ORDER BY source_line')).map(
    ({ source_line, reason }) => [Number(source_line), reason],
  )

describe('a row is taken', () => {
  it('with where its event came from, and not again when a log or another export holds it', async () => {
    const event = { ...EVENT, actor_email: 'ada@example.com' }
    const claimed = row(EVENT, 0, { actor_email: 'ada@example.com', names_document: 'https://acme.wandb.io/x' })
    const documents = [exported('export', claimed), exported('export again', claimed)]
    expect(countsOf(await loadInto(sink, documents))).toEqual([1, 0, 1, 0])
    expect(await eventsOf(sink)).toMatchObject([
      { ...event, source_document: 'a document', source_line: 3n, names_document: 'https://acme.wandb.io/x' },
    ])
    expect(countsOf(await loadInto(sink, { log: ndjson(event) }))).toEqual([0, 0, 1, 0])
  })

  it('as the repeat that it was, whichever file holds the others', async () => {
    const repeats = [0, 1, 2, 63, 64, 500, 16_383]
    const documents = repeats.map((repeat) => exported(`export ${repeat}`, row(EVENT, repeat)))
    expect(countsOf(await loadInto(sink, documents.toReversed()))).toEqual([7, 0, 0, 0])
    const hashes = (await eventsOf(sink)).map(({ content_hash }) => content_hash)
    expect(hashes).toEqual(repeats.map((repeat) => contentHash(EVENT, repeat)).sort())
  })

  it('although it says nothing usable of where its event came from', async () => {
    const silent = { source_document: null, source_line: 'x', names_document: 'https://acme.wandb.io/x' }
    await loadInto(sink, [exported('export', row(EVENT, 0, silent))])
    expect(await eventsOf(sink)).toMatchObject([{ source_document: 'export', source_line: null, names_document: null }])
  })

  it('with the whole of what its columns could not hold', async () => {
    const whole = { ...EVENT, timestamp: '2026-10-01T14:34:56.1234567890+02:00', cli_version: 'ü'.repeat(40_000) }
    const extra = JSON.stringify({ timestamp: whole.timestamp, cli_version: whole.cli_version, run_asset: { b: 0.5 } })
    const claimed = { timestamp: '2026-10-01 12:34:56.123456+00', cli_version: null, run_asset: undefined, extra }
    const event = { ...whole, run_asset: exact('{"b":0.5}') }
    await loadInto(sink, [exported('export', row(event, 0, claimed))])
    const [loaded] = await eventsOf(sink)
    expect(loaded).toMatchObject({ timestamp: '2026-10-01T12:34:56.123456Z', cli_version: null })
    expect(JSON.parse(String(loaded?.extra))).toEqual(JSON.parse(extra))
  })

  it('with an own key that is called as Redshift calls its exact values', async () => {
    const extra = { _exact: { a: [1] }, b: 1 }
    await loadInto(sink, [exported('export', row(EVENT, 0, { extra }))])
    const [event] = await eventsOf(sink)
    expect(JSON.parse(String(event?.extra))).toEqual(extra)
  })

  it("with Redshift's exact values in place of those of SUPER", async () => {
    const extra = '{"n":1.1,"_exact":{"n":"1.10","cli_version":"\\"long\\"","_exact":"{}"}}'
    const event = { ...EVENT, cli_version: 'long' }
    await loadInto(sink, [exported('export', row(event, 0, { cli_version: 'lo', extra }))])
    expect(await eventsOf(sink)).toMatchObject([{ cli_version: 'long', extra: '{"_exact":{},"n":1.10}' }])
  })
})

it('shows of the rows what rules and erasures leave', async () => {
  const [ada, grace] = ['ada@example.com', 'grace@example.com']
  const key = privacyKey('k'.repeat(64))
  const privacy = { ...NO_PRIVACY, rules: rulesOf({ report_name: 'drop', actor_ip: 'truncate' }), key }
  await eraseIn(sink, [parsePerson(grace)], privacy, false)
  const names = { report_name: 'p', names_document: 'https://acme.wandb.io/x' }
  const documents = [
    exported(
      'export',
      row(EVENT, 0, { ...names, actor_email: ada }),
      row(EVENT, 1, { ...names, actor_email: grace }),
      row(EVENT, 2, { actor_email: grace, actor_ip: '10.0.0.0/24' }),
    ),
  ]
  expect(countsOf(await loadInto(sink, documents, { privacy }))).toEqual([2, 0, 0, 1])
  const shown = { actor_ip: '10.0.0.0/24', report_name: null }
  const rows = (await eventsOf(sink)).toSorted(
    (a, b) => (a.actor_email === null ? 1 : 0) - (b.actor_email === null ? 1 : 0),
  )
  expect(rows).toMatchObject([
    { ...shown, actor_email: ada, names_document: 'https://acme.wandb.io/x' },
    { ...shown, actor_email: null, names_document: null },
  ])
  const [reject] = await rowsOf(sink, 'SELECT reason, raw FROM audit_rejects')
  expect(reject?.reason).toBe('bad_hash')
  expect(reject?.raw).not.toContain(grace)
})

describe('a row becomes a reject, and no other does', () => {
  const FORGED: readonly (readonly [string, object])[] = [
    ['another address', { actor_ip: '10.0.0.2' }],
    ['another time', { timestamp: '2026-10-01T12:34:57Z' }],
    ['another action', { action: 'user:logout' }],
    ['a code', { response_code: 403 }],
    ['an undocumented id', { extra: { run_asset: 1 } }],
    ['a field hidden in extra', { extra: { actor_ip: '10.0.0.2' } }],
    ['the hash of another event', { content_hash: contentHash({ ...EVENT, action: 'x' }) }],
    ['a repeat beyond those that are looked for', { content_hash: contentHash(EVENT, 16_384) }],
  ]

  it('when its hash is not that of its event', async () => {
    const forged = FORGED.map(([, more]) => row(EVENT, 0, more))
    const other = { ...EVENT, actor_user_id: '8' }
    const documents = [exported('export', row(other), ...forged, row(other, 1))]
    expect(countsOf(await loadInto(sink, documents))).toEqual([2, 0, 0, FORGED.length])
    expect(await reasons()).toEqual(FORGED.map((_, i) => [i + 2, 'bad_hash']))
    const raws = await rowsOf(sink, 'SELECT raw FROM audit_rejects ORDER BY source_line')
    expect(raws.map(({ raw }) => JSON.parse(String(raw)))).toEqual(forged)
  })

  it('when a row before it has its event', async () => {
    const documents = [exported('export', row(EVENT), row(EVENT, 1), row(EVENT, 0, { project_name: 'p' }))]
    expect(countsOf(await loadInto(sink, documents))).toEqual([2, 0, 0, 1])
    expect(await reasons()).toEqual([[3, 'repeated_row']])
  })

  const UNFIT: readonly (readonly [string, object, string])[] = [
    ['it has another column', { more: 1 }, 'bad_row'],
    ['a column holds an object', { actor_email: { a: 1 } }, 'bad_row'],
    ['its extra is an array', { extra: [1] }, 'bad_row'],
    ['its extra is a text that is no JSON', { extra: '{"a":' }, 'bad_row'],
    ['its extra is not in the export', { extra: { _exact_parts: 'f'.repeat(64) } }, 'bad_row'],
    ['its hash is none', { content_hash: 'F'.repeat(64) }, 'bad_row'],
    ['its document has a name without end', { source_document: 'x'.repeat(65_536) }, 'bad_row'],
    ['its timestamp is a word', { timestamp: 'infinity' }, 'bad_timestamp'],
    ['it has no action', { action: null }, 'no_action'],
  ]

  it('when it is no whole row', async () => {
    const unfit = UNFIT.map(([, more], i) => row(EVENT, i + 1, more))
    expect(countsOf(await loadInto(sink, [exported('export', row(EVENT), ...unfit)]))).toEqual([1, 0, 0, UNFIT.length])
    expect(await reasons()).toEqual(UNFIT.map(([, , reason], i) => [i + 2, reason]))
  })

  it('when the sink refuses it, although other rows came from a line with the same number', async () => {
    const rows = [EVENT, { ...EVENT, action: POISON }, { ...EVENT, action: 'user:logout' }].map((event) => row(event))
    expect(countsOf(await loadInto(squeamish(sink), [exported('export', ...rows)]))).toEqual([2, 0, 0, 1])
    expect(await reasons()).toEqual([[2, 'sink_refused']])
  })
})

it('refuses an export of which most rows are forged, and loads the others', async () => {
  const forged = Array.from({ length: 300 }, (_, i) => row({ ...EVENT, actor_user_id: `${i}` }, 0, { actor_ip: 'x' }))
  const documents = [exported('forged', row(EVENT), ...forged), exported('export', row(EVENT, 1))]
  const summary = await loadInto(sink, documents, { maxRejects: undefined })
  expect(summary.failed).toMatchObject([{ document: 'forged', error: expect.stringContaining('bad_hash') }])
  expect(countsOf(summary)).toEqual([1, 0, 0, 0])
})
