/** What every sink must do, written against the contract only. A new sink's test calls `sinkConformance` and is done. */

import { describe, expect, it } from 'vitest'
import type { Span } from '../../schemas/day-digest.js'
import {
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECTS,
  LAYOUT_VERSION,
  TABLES,
} from '../../schemas/tables.js'
import type { Batch, Sink } from '../../src/contract.js'
import { sha256 } from '../support/exact.js'
import { batchOf, countsOf, documentOf, loadInto, ndjson, never, newEngine } from '../support/load.js'
import { POISON, squeamish } from '../support/poison.js'
import { contentOf, eventsOf, rowsOf, tableOf } from '../support/rows.js'
import { exportConformance } from './exports.js'
import { privacyConformance } from './privacy.js'
import { replayConformance } from './replays.js'
import { verifyingConformance } from './verifying.js'

/** One place in a warehouse, empty at first. */
export interface SinkTarget {
  /** A further sink on the same place. */
  open(): Promise<Sink>
  /** Takes a column away, as if the table had been made by an older version. */
  dropColumn(table: string, column: string): Promise<void>
  /** The layout that the tables' mark names; null where they have none. */
  layout(): Promise<number | null>
  /** Puts another mark in its place; null takes it away. */
  setLayout(layout: number | null): Promise<void>
  /** That of the newest layout, where it is not that of the tables. */
  readonly newestLayout?: number
  /** What is mirrored has a row for each version of a document; the sink's own answers have one. */
  readonly mirrorsVersions?: boolean
  /** Its own answers know the days of events, not their times. */
  readonly knowsDaysOnly?: boolean
  /** How `raw` has a line with a NUL, where the warehouse's text cannot hold one. */
  rawOf?(line: string): string
}

const AT = '2026-10-01T12:34:56Z'
const BARE = { timestamp: AT, action: 'project:read', actor_user_id: 7, response_code: 200, project_asset: 12 }
const NAMED = { ...BARE, actor_email: 'ada@example.com', project_name: 'baseline' }
const RENAMED = { ...BARE, actor_email: 'ada@example.org', project_name: 'renamed', entity_name: 'vision' }
const WITH_EXTRA = { ...BARE, run_name: 'r' }
const OTHER = { timestamp: '2026-10-02T00:00:00.5Z', action: 'user:login', response_code: 'oops' }
const BAD = '{"timestamp":"2026-10-01T12:34:56Z"}'

type NewTarget = () => Promise<SinkTarget>

const prepared = (newTarget: NewTarget) => async (): Promise<Sink> => {
  const sink = await (await newTarget()).open()
  await sink.prepare()
  return sink
}

/** @param mark what texts begin with: a byte order mark is a character like any other */
export function sinkConformance(name: string, newTarget: NewTarget, mark?: string): void {
  loadingConformance(name, newTarget, mark)
  const newSink = prepared(newTarget)
  privacyConformance(name, newSink)
  replayConformance(name, newSink)
  exportConformance(name, newSink)
  verifyingConformance(name, newTarget)
}

/** What depends on where a sink keeps its files. A lake does the rest alike in every store. */
export function loadingConformance(name: string, newTarget: NewTarget, mark = '\ufeff'): void {
  const newSink = prepared(newTarget)

  describe(`${name}: preparing`, () => {
    it('makes every table with its columns in their order, and again without harm', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(BARE) })
      await sink.prepare()
      for (const table of TABLES) {
        const { columns } = await sink.query(`SELECT * FROM ${table.name}`)
        expect(columns.map((column) => column.name)).toEqual(table.columns.map((column) => column.name))
      }
      expect(await eventsOf(sink)).toHaveLength(1)
      await sink.close()
    })

    it('adds the columns an older table lacks and keeps its rows', async () => {
      const target = await newTarget()
      const sink = await target.open()
      await loadInto(sink, { a: ndjson(NAMED) })
      await target.dropColumn('audit_events', 'project_name')
      await target.dropColumn('audit_events', 'cli_version')
      await sink.prepare()
      expect(await eventsOf(sink)).toMatchObject([{ actor_email: 'ada@example.com', project_name: null }])
      expect(countsOf(await loadInto(sink, { b: ndjson(NAMED) }))).toEqual([0, 1, 0, 0])
      expect(await eventsOf(sink)).toMatchObject([{ project_name: 'baseline', cli_version: null }])
      await sink.close()
    })
  })

  describe(`${name}: the layout of the tables`, () => {
    it('is marked; tables without a mark have the first one, and get it', async () => {
      const target = await newTarget()
      const sink = await target.open()
      await loadInto(sink, { a: ndjson(BARE) })
      expect(await target.layout()).toBe(target.newestLayout ?? LAYOUT_VERSION)
      await target.setLayout(null)
      expect(await target.layout()).toBe(null)
      expect(countsOf(await loadInto(sink, { b: ndjson(NAMED) }))).toEqual([0, 1, 0, 0])
      expect(await target.layout()).toBe(target.newestLayout ?? LAYOUT_VERSION)
      await sink.close()
    })

    it('of a newer version is left alone, and can still be read', async () => {
      const target = await newTarget()
      const sink = await target.open()
      await loadInto(sink, { a: ndjson(BARE, BAD) })
      const newer = (target.newestLayout ?? LAYOUT_VERSION) + 1
      await target.setLayout(newer)
      const before = await allOf(sink)
      const refused = /: a newer version of wandb-audit made its tables; nothing is changed$/
      await expect(sink.prepare()).rejects.toThrow(refused)
      await expect(loadInto(sink, { b: ndjson(NAMED) })).rejects.toThrow(refused)
      expect(await allOf(sink)).toEqual(before)
      expect((await sink.receipts('test')).size).toBe(1)
      expect(await target.layout()).toBe(newer)
      await sink.close()
    })
  })

  describe(`${name}: loading`, () => {
    it('takes what is new, and the same again changes nothing', async () => {
      const sink = await newSink()
      const documents = { a: ndjson(NAMED, OTHER, BAD), b: ndjson({ ...BARE, project_asset: 13 }) }
      expect(countsOf(await loadInto(sink, documents))).toEqual([3, 0, 0, 1])
      const first = await contentOf(sink)
      const again = await loadInto(sink, documents)
      expect(countsOf(again)).toEqual([0, 0, 0, 0])
      expect(again).toMatchObject({ documents: 0, skipped: 2 })
      const unknown = [documentOf('a', documents.a, 'another version'), documentOf('b', documents.b, 'another version')]
      expect(countsOf(await loadInto(sink, unknown))).toEqual([0, 0, 3, 1])
      expect(await contentOf(sink)).toEqual(first)
      await sink.close()
    })

    it('keeps every column of an event, and where it came from', async () => {
      const sink = await newSink()
      const everything = Object.fromEntries(
        AUDIT_EVENTS.columns
          .filter((column) => column.class === 'identity' || column.class === 'name')
          .map((column) => [column.name, `${mark}value of ${column.name} – "quoted", \\ and \t 💡`]),
      )
      const record = { ...everything, timestamp: '2026-10-01T12:34:56.123456Z', response_code: 404 }
      await loadInto(sink, { 'a document': `\n${ndjson({ ...record, run_asset: [1, 'x'] })}` })
      const [row] = await eventsOf(sink)
      expect(row).toMatchObject({ ...record, source_document: 'a document' })
      expect(JSON.parse(String(row?.extra))).toEqual({ run_asset: [1, 'x'] })
      expect(Number(row?.source_line)).toBe(1)
      expect(row?.load_id).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{8}$/)
      await sink.close()
    })

    it('fills names that come later', async () => {
      const sink = await newSink()
      await loadInto(sink, { anonymised: ndjson(BARE) })
      expect(countsOf(await loadInto(sink, { named: ndjson(NAMED) }))).toEqual([0, 1, 0, 0])
      expect(await eventsOf(sink)).toMatchObject([{ ...asRow(NAMED), source_document: 'anonymised' }])
      await sink.close()
    })

    it('leaves names alone that came before', async () => {
      const sink = await newSink()
      await loadInto(sink, { named: ndjson(NAMED) })
      expect(countsOf(await loadInto(sink, { anonymised: ndjson(BARE) }))).toEqual([0, 0, 1, 0])
      expect(await eventsOf(sink)).toMatchObject([{ ...asRow(NAMED), source_document: 'named' }])
      await sink.close()
    })

    it('fills gaps beside a name it does not overwrite', async () => {
      const sink = await newSink()
      await loadInto(sink, { before: ndjson(NAMED) })
      expect(countsOf(await loadInto(sink, { after: ndjson(RENAMED) }))).toEqual([0, 1, 0, 0])
      expect(await eventsOf(sink)).toMatchObject([{ ...asRow(NAMED), entity_name: 'vision' }])
      await sink.close()
    })

    it('fills extra key by key, and leaves a value alone that is there', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(BARE) })
      expect(countsOf(await loadInto(sink, { b: ndjson({ ...WITH_EXTRA, 'ü "key"': [1, { x: 'y' }] }) }))).toEqual([
        0, 1, 0, 0,
      ])
      expect(countsOf(await loadInto(sink, { c: ndjson({ ...WITH_EXTRA, a: 1 }) }))).toEqual([0, 1, 0, 0])
      expect(countsOf(await loadInto(sink, { d: ndjson({ ...BARE, a: 1 }) }))).toEqual([0, 0, 1, 0])
      expect(countsOf(await loadInto(sink, { e: ndjson({ ...BARE, a: 2, z: 'new' }) }))).toEqual([0, 1, 0, 0])
      const [row] = await eventsOf(sink)
      expect(JSON.parse(String(row?.extra))).toEqual({ a: 1, run_name: 'r', z: 'new', 'ü "key"': [1, { x: 'y' }] })
      await sink.close()
    })

    it('ends in the same rows whichever of two partly overlapping extras comes first', async () => {
      const exact = { ...BARE, timestamp: '2026-10-01T12:34:56.123456789Z' }
      const one = ndjson({ ...exact, b: 1, audit_log_error: 'lookup failed' })
      const other = ndjson({ ...exact, audit_log_error: 'lookup failed', artifact_version_index: 3, project_name: 'x' })
      const contents = []
      for (const order of [
        [one, other],
        [other, one],
      ]) {
        const sink = await newSink()
        for (const [i, content] of order.entries()) await loadInto(sink, { [`document ${i}`]: content })
        contents.push((await contentOf(sink)).audit_events)
        await sink.close()
      }
      const [together, before] = [await newSink(), contents[0]]
      await loadInto(together, { one, other })
      expect(contents[1]).toEqual(before)
      expect((await contentOf(together)).audit_events).toEqual(before)
      await together.close()
    })

    it('keeps two events apart that differ in an undocumented id alone', async () => {
      const sink = await newSink()
      const [one, other] = [
        { ...BARE, run_asset: 1 },
        { ...BARE, run_asset: 2 },
      ]
      expect(countsOf(await loadInto(sink, { a: ndjson(one) }))).toEqual([1, 0, 0, 0])
      expect(countsOf(await loadInto(sink, { b: ndjson(other, one) }))).toEqual([1, 0, 1, 0])
      await sink.close()
    })

    it('takes an empty string for a value', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson({ ...BARE, project_name: '' }) })
      expect(countsOf(await loadInto(sink, { b: ndjson({ ...BARE, project_name: 'baseline' }) }))).toEqual([0, 0, 1, 0])
      expect(await eventsOf(sink)).toMatchObject([{ project_name: '' }])
      await sink.close()
    })

    it('keeps honest repeats, and ten more readings add none', async () => {
      const sink = await newSink()
      expect(countsOf(await loadInto(sink, { a: ndjson(BARE, BARE, OTHER) }))).toEqual([3, 0, 0, 0])
      for (let reading = 1; reading <= 10; reading++) {
        const documents = [documentOf('a', ndjson(BARE, BARE, OTHER), `version ${reading}`)]
        expect(countsOf(await loadInto(sink, documents))).toEqual([0, 0, 3, 0])
      }
      expect(countsOf(await loadInto(sink, { b: ndjson(BARE, BARE, BARE) }))).toEqual([1, 0, 2, 0])
      expect(await eventsOf(sink)).toHaveLength(4)
      await sink.close()
    })

    it('inserts once what two documents of a batch share, and counts the other line as unchanged', async () => {
      const sink = await newSink()
      expect(countsOf(await loadInto(sink, { a: ndjson(BARE, OTHER), b: ndjson(BARE, BARE) }))).toEqual([3, 0, 1, 0])
      expect((await eventsOf(sink)).map((row) => row.source_document).sort()).toEqual(['a', 'a', 'b'])
      await sink.close()
    })

    it('counts a document of the batch that names what another one holds as enriched', async () => {
      const sink = await newSink()
      const documents = {
        anonymised: ndjson(BARE),
        named: ndjson(NAMED),
        extra: ndjson(WITH_EXTRA),
        again: ndjson(NAMED),
      }
      expect(countsOf(await loadInto(sink, documents))).toEqual([1, 2, 1, 0])
      expect(await eventsOf(sink)).toMatchObject([
        { ...asRow(NAMED), source_document: 'anonymised', names_document: 'named' },
      ])
      await sink.close()
    })

    it('keeps a reject once however often its document is read, and twice when it stands there twice', async () => {
      const target = await newTarget()
      const sink = await target.open()
      await sink.prepare()
      const hostile = `\u0000 '"; DROP TABLE audit_events; -- 💡`
      const documents = { a: ndjson(BAD, hostile, BAD), b: ndjson(BAD) }
      expect(countsOf(await loadInto(sink, documents))).toEqual([0, 0, 0, 4])
      expect(countsOf(await loadInto(sink, [documentOf('a', documents.a, 'read again')]))).toEqual([0, 0, 0, 3])
      const rejects = await tableOf(sink, AUDIT_REJECTS)
      expect(rejects.map((row) => [row.source_document, Number(row.source_line), row.reason, row.raw]).sort()).toEqual([
        ['a', 1, 'no_action', BAD],
        ['a', 2, 'not_json', target.rawOf?.(hostile) ?? hostile],
        ['a', 3, 'no_action', BAD],
        ['b', 1, 'no_action', BAD],
      ])
      await sink.close()
    })

    it('keeps a long reject in pieces, each once, and gives them back in their order', async () => {
      const target = await newTarget()
      const sink = await target.open()
      await sink.prepare()
      const engine = await newEngine()
      for (const version of ['1', '2']) {
        const batch = await batchOf(engine, [documentOf('a', ndjson(BAD, '{"b":'), version)])
        await engine.run(`
          CREATE OR REPLACE TEMP TABLE pieces AS
          SELECT reject_id, piece::INTEGER AS piece, concat(' – piece ', piece) AS raw
          FROM rejects, unnest([2, 3, 10]) AS piece(piece) WHERE source_line = 1`)
        await sink.load({ ...batch, pieces: { relation: 'pieces', rows: 3 } }, never)
      }
      const pieces = []
      const { rows } = await sink.query(sink.questions.rawRejects)
      for await (const [reason, raw, more] of rows) pieces.push([reason, raw, more])
      expect(pieces).toEqual([
        ['no_action', BAD, true],
        ['no_action', ' – piece 2', true],
        ['no_action', ' – piece 3', true],
        ['no_action', ' – piece 10', false],
        ['not_json', '{"b":', false],
      ])
      await sink.close()
    })

    it('writes a row for each batch, with a value in each column and counts that add up', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(BARE, OTHER, BAD) }, { batchBytes: 1 })
      await loadInto(sink, { b: ndjson(NAMED, OTHER), c: ndjson(BARE) }, { batchBytes: 1 })
      const loads = await rowsOf(
        sink,
        `SELECT rows_read, inserted, enriched, unchanged, rejected, documents, loader_version, finished_at >= started_at AS ends
         FROM audit_loads ORDER BY rows_read DESC`,
      )
      expect(
        loads.map((row) => Object.values(row).map((value) => (typeof value === 'bigint' ? Number(value) : value))),
      ).toEqual([
        [3, 2, 0, 0, 1, 1, 'test', true],
        [2, 0, 1, 1, 0, 1, 'test', true],
        [1, 0, 0, 1, 0, 1, 'test', true],
      ])
      const columns = (await tableOf(sink, AUDIT_LOADS)).flatMap((row) => Object.entries(row))
      expect(columns.filter(([, value]) => value === null)).toEqual([])
      await sink.close()
    })

    it('takes a document in parts around a line that it refuses, and remembers it with the last one', async () => {
      const sink = squeamish(await newSink())
      const document = { a: ndjson(NAMED, { ...BARE, action: POISON }, OTHER, OTHER, BAD, POISON) }
      expect(countsOf(await loadInto(sink, document))).toEqual([3, 0, 0, 3])
      const rejects = await rowsOf(sink, 'SELECT source_line, reason FROM audit_rejects ORDER BY source_line')
      expect(rejects.map(({ source_line, reason }) => [Number(source_line), reason])).toEqual([
        [2, 'sink_refused'],
        [5, 'no_action'],
        [6, 'sink_refused'],
      ])
      expect((await eventsOf(sink)).map(({ content_hash }) => content_hash)).toHaveLength(3)
      const [receipt] = await rowsOf(sink, 'SELECT rows_read, rejected FROM audit_documents')
      expect([receipt?.rows_read, receipt?.rejected].map(Number)).toEqual([6, 3])
      expect(await loadInto(sink, document)).toMatchObject({ documents: 0, skipped: 1 })
      await sink.close()
    })

    it('takes an empty document, and remembers it', async () => {
      const sink = await newSink()
      expect(countsOf(await loadInto(sink, { empty: '', blank: ' \n\r\n\t' }))).toEqual([0, 0, 0, 0])
      expect([...(await sink.receipts('test')).keys()].sort()).toEqual(['blank', 'empty'])
      await sink.close()
    })

    it('ends in the same rows on days far apart, loaded together or in overlapping parts', async () => {
      // More days than any statement has ranges, in an order that follows from no date.
      const days = Array.from({ length: 24 }, (_, i) =>
        Date.UTC(1969 + ((i * 7) % 60), (i * 5) % 12, 1 + ((i * 11) % 28)),
      )
      const bare = days.flatMap((day, i) =>
        [0, 1, 86_399]
          .slice(0, 1 + (i % 3))
          .map((second) => ({ ...BARE, timestamp: new Date(day + second * 1000).toISOString() })),
      )
      const named = bare.map((event, i) => (i % 4 === 0 ? { ...event, project_name: `p${i}` } : event))
      const together = await newSink()
      expect(countsOf(await loadInto(together, { all: ndjson(...named) }))).toEqual([bare.length, 0, 0, 0])
      const apart = await newSink()
      await loadInto(apart, { some: ndjson(...bare.filter((_, i) => i % 3 === 0)) })
      await loadInto(apart, { more: ndjson(...bare.filter((_, i) => i % 2 === 0)) })
      const counts = countsOf(await loadInto(apart, { all: ndjson(...named) }))
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(bare.length)
      const rows = async (sink: Sink) =>
        (await eventsOf(sink)).map(({ timestamp, content_hash, project_name }) => ({
          timestamp,
          content_hash,
          project_name,
        }))
      expect(await rows(apart)).toEqual(await rows(together))
      for (const sink of [together, apart]) await sink.close()
    })

    it('takes timestamps of the first and the last instant', async () => {
      const sink = await newSink()
      const edges = ['0001-01-01T00:00:00Z', '1969-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z']
      await loadInto(sink, { a: ndjson(...edges.map((timestamp) => ({ timestamp, action: 'user:login' }))) })
      expect((await eventsOf(sink)).map((row) => row.timestamp)).toEqual(edges)
      expect(
        countsOf(await loadInto(sink, { b: ndjson({ timestamp: edges[0], action: 'user:login', user_email: 'a' }) })),
      ).toEqual([0, 1, 0, 0])
      await sink.close()
    })
  })

  describe(`${name}: conflicts`, () => {
    const PLANTED = { ...BARE, actor_email: 'victim@example.com', artifact_digest: 'planted' }
    const API = 'https://acme.wandb.io/admin/audit_logs#2026-10-01'
    const conflictsOf = async (sink: Sink): Promise<readonly (readonly unknown[])[]> =>
      (await tableOf(sink, AUDIT_CONFLICTS))
        .map((row) => [row.column_name, row.kept, row.other, row.kept_document, row.other_document, Number(row.events)])
        .sort()

    it('keeps the name that came first, and the other one beside it', async () => {
      const sink = await newSink()
      await loadInto(sink, { before: ndjson(NAMED) })
      const summary = await loadInto(sink, { after: ndjson(RENAMED) })
      expect(summary.sinks[0]).toMatchObject({ enriched: 1, conflicts: 2 })
      expect(await conflictsOf(sink)).toEqual([
        ['actor_email', 'ada@example.com', 'ada@example.org', 'before', 'after', 1],
        ['project_name', 'baseline', 'renamed', 'before', 'after', 1],
      ])
      const [row] = await eventsOf(sink)
      expect(row).toMatchObject({ ...asRow(NAMED), entity_name: 'vision' })
      expect(row?.names_document).toBe('before\nentity_name: after')
      const [conflict] = await tableOf(sink, AUDIT_CONFLICTS)
      expect(conflict).toMatchObject({ timestamp: AT, content_hash: row?.content_hash })
      await sink.close()
    })

    it('counts the events of a renamed project in one row, and reading them again adds none', async () => {
      const sink = await newSink()
      const events = Array.from({ length: 5 }, (_, i) => ({ ...BARE, artifact_asset: i }))
      const named = (name: string) => ndjson(...events.map((event) => ({ ...event, project_name: name })))
      await loadInto(sink, [documentOf('a', named('old'))])
      for (const version of ['1', '2']) {
        const summary = await loadInto(sink, [documentOf('b', named('new'), version)])
        expect(summary.sinks[0]).toMatchObject({ unchanged: 5, conflicts: 5 })
        expect(await conflictsOf(sink)).toEqual([['project_name', 'old', 'new', 'a', 'b', 5]])
      }
      const loads = await rowsOf(sink, 'SELECT conflicts FROM audit_loads')
      expect(loads.map(({ conflicts }) => Number(conflicts)).sort()).toEqual([0, 5, 5])
      await sink.close()
    })

    it('keeps the larger number of events of a conflict, and when it was met first', async () => {
      const sink = await newSink()
      const named = (name: string, count: number) =>
        ndjson(...Array.from({ length: count }, (_, i) => ({ ...BARE, artifact_asset: i, project_name: name })))
      await loadInto(sink, { a: named('old', 3) })
      const loads = []
      for (const count of [1, 3, 2]) {
        await loadInto(sink, [documentOf('b', named('new', count), `${count} events`)])
        const [conflict] = await tableOf(sink, AUDIT_CONFLICTS)
        expect(Number(conflict?.events)).toBe(count === 1 ? 1 : 3)
        loads.push(conflict?.load_id)
      }
      expect(new Set(loads).size).toBe(1)
      await sink.close()
    })

    it('keeps the whole of an extra that contradicts the one in the row', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson({ ...BARE, note: 'one', same: { x: 1, y: [2] } }) })
      const other = { note: 'two', same: { y: [2], x: 1 }, more: 3 }
      const summary = await loadInto(sink, { b: ndjson({ ...BARE, ...other }) })
      expect(summary.sinks[0]).toMatchObject({ enriched: 1, conflicts: 1 })
      const [conflict] = await tableOf(sink, AUDIT_CONFLICTS)
      expect(conflict).toMatchObject({ column_name: 'extra', kept_document: 'a', other_document: 'b' })
      expect(JSON.parse(String(conflict?.other))).toEqual(other)
      expect(JSON.parse(String(conflict?.kept))).toEqual({ note: 'one', same: { x: 1, y: [2] }, more: 3 })
      await sink.close()
    })

    it('keeps what the documents of one batch contradict each other in', async () => {
      const sink = await newSink()
      const summary = await loadInto(sink, {
        a: ndjson(NAMED),
        b: ndjson({ ...RENAMED, note: 1 }),
        c: ndjson({ ...BARE, note: 2 }),
      })
      expect(summary.sinks[0]).toMatchObject({ inserted: 1, enriched: 1, unchanged: 1, conflicts: 3 })
      expect((await conflictsOf(sink)).map(([column, , other, , document]) => [column, other, document])).toEqual([
        ['actor_email', 'ada@example.org', 'b'],
        ['extra', '{"note":2}', 'c'],
        ['project_name', 'renamed', 'b'],
      ])
      expect(await eventsOf(sink)).toMatchObject([{ names_document: 'a\nentity_name: b' }])
      await sink.close()
    })

    it('lets names of the API outrank those of objects and files, in either order', async () => {
      const contents = []
      for (const order of [
        ['planted', API],
        [API, 'planted'],
      ]) {
        const sink = await newSink()
        await loadInto(sink, { bucket: ndjson(BARE) })
        const documents: Record<string, string> = { planted: ndjson(PLANTED), [API]: ndjson(NAMED) }
        for (const id of order) await loadInto(sink, { [id]: documents[id] ?? '' })
        expect(await conflictsOf(sink)).toEqual([
          ['actor_email', 'ada@example.com', 'victim@example.com', API, 'planted', 1],
          ['artifact_digest', null, 'planted', API, 'planted', 1],
        ])
        contents.push(await eventsOf(sink).then(([row]) => ({ ...row, load_id: null, loaded_at: null })))
        await sink.close()
      }
      expect(contents[0]).toMatchObject({
        ...asRow(NAMED),
        artifact_digest: null,
        names_document: API,
        source_document: 'bucket',
      })
      expect(contents[1]).toEqual(contents[0])
    })

    it('lets names of the API outrank those of a version that did not note their document', async () => {
      const target = await newTarget()
      const sink = await target.open()
      await loadInto(sink, { before: ndjson(PLANTED) })
      await target.dropColumn('audit_events', 'names_document')
      await loadInto(sink, { [API]: ndjson(NAMED) })
      expect(await conflictsOf(sink)).toEqual([
        ['actor_email', 'ada@example.com', 'victim@example.com', API, 'before', 1],
        ['artifact_digest', null, 'planted', API, 'before', 1],
      ])
      expect(await eventsOf(sink)).toMatchObject([{ ...asRow(NAMED), artifact_digest: null, names_document: API }])
      await sink.close()
    })

    it('finds none where readings agree or have nothing to say', async () => {
      const sink = await newSink()
      for (const content of [NAMED, BARE, NAMED, { ...NAMED, user_email: 'x' }, WITH_EXTRA, NAMED]) {
        const summary = await loadInto(sink, { [JSON.stringify(content)]: ndjson(content, OTHER) })
        expect(summary.sinks[0]?.conflicts).toBe(0)
      }
      expect(await tableOf(sink, AUDIT_CONFLICTS)).toEqual([])
      await sink.close()
    })
  })

  describe(`${name}: receipts`, () => {
    const names = [
      'plain',
      `${mark}marked`,
      "it's",
      'say "so"',
      'ünï/💡',
      'two\nlines',
      '../../etc/passwd',
      '$1 %s {} ; --',
      '\\',
      ' ',
    ]

    it('gives back the newest version of each document of a source, however it is called', async () => {
      const sink = await newSink()
      const version = (name: string): string => `version of ${name}`
      await loadInto(
        sink,
        names.map((name) => documentOf(name, ndjson(BARE, BAD), version(name))),
      )
      await loadInto(sink, [documentOf('plain', ndjson(BARE), "it's newer")])
      await loadInto(sink, { sources: [{ id: "other's", list: listOne, close: async () => {} }] })
      const expected = new Map(names.map((name) => [name, name === 'plain' ? "it's newer" : version(name)]))
      expect(await sink.receipts('test')).toEqual(expected)
      expect(await sink.receipts("other's")).toEqual(new Map([['plain', 'from elsewhere']]))
      expect(await sink.receipts('unheard of')).toEqual(new Map())
      await sink.close()
    })

    it('has one for each document, of the version loaded last', async () => {
      const target = await newTarget()
      const sink = await target.open()
      await sink.prepare()
      for (const version of ['1', '2', '3'])
        await loadInto(
          sink,
          ['a', 'b'].map((name) => documentOf(name, ndjson(BARE), version)),
        )
      const receipts = await tableOf(sink, AUDIT_DOCUMENTS)
      const versions = target.mirrorsVersions ? ['1', '2', '3'] : ['3']
      expect(receipts.map(({ document, document_version }) => `${document} ${document_version}`).sort()).toEqual(
        ['a', 'b'].flatMap((name) => versions.map((version) => `${name} ${version}`)),
      )
      expect(await sink.receipts('test')).toEqual(new Map(['a', 'b'].map((name) => [name, '3'])))
      await sink.close()
    })

    it('remembers what was read', async () => {
      const sink = await newSink()
      const content = ndjson(BARE, OTHER, BAD)
      await loadInto(sink, [documentOf('a', content)])
      const [receipt] = await tableOf(sink, AUDIT_DOCUMENTS)
      expect(receipt).toMatchObject({ source: 'test', document: 'a', range_from: AT, range_to: OTHER.timestamp })
      expect([receipt?.bytes, receipt?.rows_read, receipt?.rejected].map(Number)).toEqual([content.length, 3, 1])
      expect(receipt?.document_version).toBe(receipt?.sha256)
      await sink.close()
    })

    async function* listOne() {
      yield documentOf('plain', ndjson(BARE), 'from elsewhere')
    }
  })

  describe(`${name}: all or nothing`, () => {
    const broken: readonly (readonly [string, (batch: Batch) => Batch])[] = [
      ['rejects', (batch) => ({ ...batch, rejects: { ...batch.rejects, relation: 'no_such_relation' } })],
      ['receipts', (batch) => ({ ...batch, receipts: { relation: 'no_such_relation' } })],
      ['a count', (batch) => ({ ...batch, rowsRead: batch.rowsRead + 1 })],
    ]

    it.each(broken)('leaves nothing of a batch that fails over its %s', async (_what, breaking) => {
      const sink = await newSink()
      const engine = await newEngine()
      await loadInto(sink, { before: ndjson(BARE) })
      const before = await allOf(sink)
      const batch = await batchOf(engine, [documentOf('a', ndjson(NAMED, OTHER, BAD))])
      await expect(sink.load(breaking(batch), never)).rejects.toThrow()
      expect(await allOf(sink)).toEqual(before)
      expect(await sink.load(batch, never)).toEqual({
        read: 3,
        inserted: 1,
        enriched: 1,
        unchanged: 0,
        rejected: 1,
        conflicts: 0,
      })
      await sink.close()
    })

    it('loads nothing when the work is to stop', async () => {
      const sink = await newSink()
      const batch = await batchOf(await newEngine(), [documentOf('a', ndjson(NAMED, OTHER, BAD))])
      await expect(sink.load(batch, AbortSignal.abort())).rejects.toThrow('interrupted')
      const controller = new AbortController()
      const loading = sink.load(batch, controller.signal)
      controller.abort()
      const outcome = await loading.then(
        () => 'done',
        (error: Error) => error.message,
      )
      // It may have been faster than the stop; half of it there must never be.
      expect(await eventsOf(sink)).toHaveLength(outcome === 'done' ? 2 : 0)
      expect(await tableOf(sink, AUDIT_REJECTS)).toHaveLength(outcome === 'done' ? 1 : 0)
      expect((await sink.receipts('test')).size).toBe(outcome === 'done' ? 1 : 0)
      expect(['done', 'interrupted']).toContain(outcome)
      await sink.close()
    })

    sharedConformance(newTarget)
  })

  describe(`${name}: comparing`, () => {
    const span = { from: new Date('2026-10-01'), to: new Date('2026-10-03') }
    const at = (timestamp: string, id: number) => ({ timestamp, action: 'user:login', actor_user_id: id })
    const times = ['2026-09-30T23:59:59.999999Z', '2026-10-01T00:00:00Z', AT, AT, '2026-10-02T23:59:59.999999Z']

    it('gives the digest of each hour in the range, as anybody can compute it', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(...times.map(at), at('2026-10-03T00:00:00Z', 9)) })
      const salt = '0123456789abcdef'
      const digests = await rowsOf(sink, await sink.questions.hourDigests(span, salt))
      const hashes = new Map((await eventsOf(sink)).map((row) => [String(row.timestamp), [] as string[]]))
      for (const { timestamp, content_hash } of await eventsOf(sink))
        hashes.get(String(timestamp))?.push(String(content_hash))
      const sum = (utc: string): string =>
        [...hashes]
          .flatMap(([timestamp, ofTime]) => ofTime.map((hash) => [micros(timestamp), hash] as const))
          .filter(([text]) => text.startsWith(utc))
          .map(([text, hash]) => BigInt(`0x${sha256(`${salt} ${text} ${hash}`).slice(0, 15)}`))
          .reduce((total, each) => total + each, 0n)
          .toString()
      const expected = [
        ['2026-10-01 00', 1],
        ['2026-10-01 12', 2],
        ['2026-10-02 23', 1],
      ].map(([hour, events]) => [hour, events, sum(String(hour))])
      expect(digests.map(({ utc_hour, events, digest }) => [utc_hour, Number(events), digest])).toEqual(expected)
      await sink.close()
    })

    it('gives the newest event of a range, or the end of its day', async () => {
      const { open, knowsDaysOnly = false } = await newTarget()
      const sink = await open()
      await loadInto(sink, { a: ndjson(...times.map(at), at('2026-10-03T00:00:00Z', 9)) })
      const newestIn = async (range: Span) => (await rowsOf(sink, await sink.questions.newest(range)))[0]?.newest
      expect(await newestIn(span)).toBe(knowsDaysOnly ? '2026-10-03T00:00:00Z' : '2026-10-02T23:59:59.999999Z')
      expect(await newestIn({ from: new Date('2026-10-04'), to: new Date('2026-10-05') })).toBeNull()
      await sink.close()
    })

    it('gives timestamp and content_hash of the events in the spans', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(...times.map(at)) })
      const spans = [
        { from: new Date('2026-10-01T00:00:00Z'), to: new Date('2026-10-01T01:00:00Z') },
        { from: new Date('2026-10-02T23:00:00Z'), to: new Date('2026-10-03T00:00:00Z') },
      ]
      const found = await rowsOf(sink, await sink.questions.identities(spans))
      expect(found.map(({ utc }) => utc).sort()).toEqual(['2026-10-01 00:00:00.000000', '2026-10-02 23:59:59.999999'])
      const all = new Set((await eventsOf(sink)).map(({ content_hash }) => content_hash))
      for (const { content_hash } of found) expect(all).toContain(content_hash)
      await sink.close()
    })

    it('gives the number of rejects of each document', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(BARE, BAD, '{"b":'), b: ndjson(BARE), c: ndjson(BAD) })
      const found = await rowsOf(sink, sink.questions.rejectsByDocument)
      const rejects = Object.fromEntries(
        found.map(({ source_document, rejects }) => [source_document, Number(rejects)]),
      )
      expect(rejects).toEqual({ a: 2, c: 1 })
      await sink.close()
    })
  })

  describe(`${name}: querying`, () => {
    it('tells the type of each column and gives plain values', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(OTHER, BARE) })
      const { columns, rows } = await sink.query(
        'SELECT timestamp, action, response_code, extra, source_line FROM audit_events ORDER BY timestamp',
      )
      expect(columns).toEqual([
        { name: 'timestamp', type: 'timestamp' },
        { name: 'action', type: 'text' },
        { name: 'response_code', type: 'integer' },
        { name: 'extra', type: 'json' },
        { name: 'source_line', type: 'integer' },
      ])
      const taken = []
      for await (const row of rows) taken.push(row.map((value) => (typeof value === 'bigint' ? Number(value) : value)))
      expect(taken).toEqual([
        [AT, 'project:read', 200, null, 2],
        [OTHER.timestamp, 'user:login', null, '{"response_code":"oops"}', 1],
      ])
      await sink.close()
    })

    it('lets a reader leave early, and loads afterwards', async () => {
      const sink = await newSink()
      await loadInto(sink, { a: ndjson(OTHER, BARE) })
      const { rows } = await sink.query('SELECT action FROM audit_events')
      for await (const row of rows) {
        expect(row).toHaveLength(1)
        break
      }
      expect(countsOf(await loadInto(sink, { b: ndjson(NAMED) }))).toEqual([0, 1, 0, 0])
      await sink.close()
    })

    it('says so when the statement is wrong', async () => {
      const sink = await newSink()
      await expect(sink.query('SELECT no_such_column FROM audit_events')).rejects.toThrow(/no_such_column/)
      expect(countsOf(await loadInto(sink, { a: ndjson(BARE) }))).toEqual([1, 0, 0, 0])
      await sink.close()
    })
  })
}

export function sharedConformance(newTarget: NewTarget): void {
  it('ends in the same tables when two runs load overlapping documents at once', async () => {
    const events = Array.from({ length: 40 }, (_, i) => ({ ...BARE, project_asset: i % 30 }))
    const one = { a: ndjson(...events.slice(0, 30), BAD), c: ndjson(...events.slice(20)) }
    const other = { b: ndjson(...events.slice(10).map((event) => ({ ...event, project_name: 'x' }))), a: one.a }
    const alone = await prepared(newTarget)()
    await loadInto(alone, one)
    await loadInto(alone, other)
    const target = await newTarget()
    const sinks = [await target.open(), await target.open()]
    await Promise.all(
      [one, other].map(async (input, i) =>
        loadInto(sinks[i] as Sink, input, { engine: await newEngine(), batchBytes: 1 }),
      ),
    )
    expect(await contentOf(sinks[0] as Sink)).toEqual(await contentOf(alone))
    for (const sink of [...sinks, alone]) await sink.close()
  })
}

/** A timestamp of a result, to the microsecond. */
function micros(timestamp: string): string {
  const [whole = '', fraction = ''] = timestamp.replace('T', ' ').replace('Z', '').split('.')
  return `${whole}.${fraction.padEnd(6, '0')}`
}

/** A record's documented keys as its row shows them: ids are text. */
const asRow = (record: Readonly<Record<string, string | number>>) =>
  Object.fromEntries(
    Object.entries(record).map(([key, value]) => [key, key === 'response_code' ? value : String(value)]),
  )

const allOf = async (sink: Sink) => ({
  ...(await contentOf(sink)),
  receipts: await tableOf(sink, AUDIT_DOCUMENTS),
  loads: await tableOf(sink, AUDIT_LOADS),
})
