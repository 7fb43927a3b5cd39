import { afterEach, describe, expect, test } from 'vitest'
import type { MadeEvent } from '../../../src/demo/made-logs.js'
import { startWandbApi, type WandbApi, type WandbApiOptions } from '../../../src/demo/wandb-api.js'
import { allEvents, eventsOf, listed, made, range, rejection, sourceOf, whole } from './support.js'

const apis: WandbApi[] = []
afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()))
})

async function start(options: WandbApiOptions): Promise<WandbApi> {
  const api = await startWandbApi({ eventsPerDay: 200, ...options })
  apis.push(api)
  return api
}

const now = () => new Date('2026-03-05T12:00:00Z')
const RANGE = range('2026-02-26', '2026-03-03')
const EXPECTED = made('2026-02-26', '2026-03-03', 200)

describe('every dialect serves every day', () => {
  test('current: a window a day, all pages of it one document', async () => {
    const api = await start({ now })
    const source = sourceOf(api, { now, pageLimit: 70 })
    expect(await allEvents(source, RANGE)).toEqual(EXPECTED)
    const pages = api.requests.slice(1)
    expect(pages).toHaveLength(5 * 3)
    expect(pages.map(({ query }) => query.startDate)).toEqual(
      pages.map(({ range }) => range?.from.toISOString().slice(0, 10)),
    )
    expect(pages.every(({ query }) => query.endDate !== undefined && query.limit === '70')).toBe(true)
    await source.close()
  })

  test('multi-tenant: at its own path, a day a window', async () => {
    const api = await start({ now, dialect: 'multi-tenant' })
    const source = sourceOf(api, { now, dialect: 'multi-tenant', pageLimit: 70 })
    expect(await allEvents(source, RANGE)).toEqual(EXPECTED)
    expect(new Set(api.requests.map(({ path }) => path))).toEqual(new Set(['/audit_logs']))
    expect(source.id).toBe(`${api.url}/audit_logs`)
  })

  test('classic: recognised because it ignores startDate, asked for enough days back', async () => {
    const api = await start({ now, dialect: 'classic' })
    const source = sourceOf(api, { now })
    const events = await allEvents(source, RANGE)
    expect(events.slice(0, EXPECTED.length)).toEqual(EXPECTED)
    expect(api.requests.at(-1)?.query).toEqual({ numDays: '7' })
  })

  test('between: recognised because its stream is of the day asked for, and asked for single days', async () => {
    const api = await start({ now, dialect: 'between' })
    expect(await allEvents(sourceOf(api, { now }), RANGE)).toEqual(EXPECTED)
    const queries = api.requests.map(({ query }) => query).filter((query) => !('limit' in query))
    expect(queries).toHaveLength(5)
    for (const query of queries)
      expect(query).toEqual({ startDate: expect.stringMatching(/^[0-9-]{10}$/), numDays: '0' })
  })

  test('between: without an event a week ago it is taken for classic, which loads the same', async () => {
    const api = await start({ now, dialect: 'between', eventsPerDay: 0 })
    const documents = await listed(sourceOf(api, { now }), RANGE)
    expect(documents.map(({ id }) => new URL(id).search)).toEqual(['?from=2026-02-26&to=2026-03-03'])
  })

  test('between, asked by name, loads nothing from a classic server', async () => {
    const api = await start({ now, dialect: 'classic' })
    const [document] = await listed(sourceOf(api, { now, dialect: 'between' }), RANGE)
    if (document === undefined) throw new Error('nothing is listed')
    expect((await rejection(whole(document))).message).toContain('speaks classic, not between')
  })

  test('classic, asked by name, works on a current server', async () => {
    const api = await start({ now })
    const events = await allEvents(sourceOf(api, { now, dialect: 'classic' }), RANGE)
    expect(events.slice(0, EXPECTED.length)).toEqual(EXPECTED)
  })

  test.each([
    ['a web page', 1, { kind: 'html' }],
    ['a blank page', 1, { kind: 'status', status: 200, text: '\n' }],
    ['an answer that breaks off each time', 4, { kind: 'cut', afterBytes: 20 }],
    ['an error', 1, { kind: 'status', status: 400 }],
  ] as const)('classic, asked by name, needs no answer to the newer question: %s', async (_what, times, fault) => {
    const api = await start({ now, dialect: 'classic', faults: Array(times).fill(fault) })
    const documents = await listed(sourceOf(api, { now, dialect: 'classic' }), RANGE)
    expect(documents.map(({ id }) => id)).toEqual([`${api.url}/admin/audit_logs?from=2026-02-26&to=2026-03-03`])
    const [document] = documents
    if (document === undefined) throw new Error('nothing listed')
    expect(eventsOf(await whole(document)).slice(0, EXPECTED.length)).toEqual(EXPECTED)
  })

  test('a classic server with nothing to tell today is still a classic one', async () => {
    const api = await start({ now: () => new Date('2026-03-05T00:00:00Z'), eventsPerDay: 0, dialect: 'classic' })
    expect(await listed(sourceOf(api, { now }), RANGE)).toHaveLength(1)
  })

  test('a classic server is not taken for a current one', async () => {
    const api = await start({ now, dialect: 'classic' })
    const error = await rejection(listed(sourceOf(api, { now, dialect: 'current' }), RANGE))
    expect(error.message).toContain('speaks classic, not current')
    expect(error.exitCode).toBe(2)
  })
})

describe('names', () => {
  test.each(['classic', 'current'] as const)('%s serves none when anonymised, on every page', async (dialect) => {
    const api = await start({ now, dialect })
    const source = sourceOf(api, { now, anonymize: true, pageLimit: 70 })
    const events = await allEvents(source, RANGE)
    const expected = made('2026-02-26', '2026-03-03', 200, false)
    expect(events.slice(0, expected.length)).toEqual(expected)
    expect(api.requests.every(({ query }) => query.anonymize === 'true')).toBe(true)
    expect((await listed(source, RANGE)).every(({ id }) => id.endsWith('&anonymize=true'))).toBe(true)
  })

  test('multi-tenant Cloud cannot anonymise, so it is not asked to', async () => {
    expect(() => sourceOf({ url: 'https://api.wandb.ai' }, { anonymize: true })).toThrow('always serves names')
  })

  test('a renamed project has its new name in old events, and nothing else differs', async () => {
    const api = await start({ now, renamedAt: new Date('2026-03-05T00:00:00Z') })
    const events = await allEvents(sourceOf(api, { now }), RANGE)
    const names = ['project_name', 'artifact_qualified_name'] as const
    const unnamed = (event: MadeEvent) => ({ ...event, ...Object.fromEntries(names.map((name) => [name, null])) })
    expect(events.filter(({ project_name }) => String(project_name).endsWith('-renamed')).length).toBeGreaterThan(10)
    expect(events.map(unnamed)).toEqual(EXPECTED.map(unnamed))
  })
})

describe('documents', () => {
  test('have an id of endpoint and day, a range, and the version final when their day had settled', async () => {
    const api = await start({ now: () => new Date('2026-03-05T01:59:59Z') })
    const source = sourceOf(api, { now: () => new Date('2026-03-05T01:59:59Z') })
    const documents = await listed(source, range('2026-03-03', null))
    expect(documents.map(({ id, version }) => [id, version])).toEqual([
      [`${api.url}/admin/audit_logs?day=2026-03-03`, 'final'],
      [`${api.url}/admin/audit_logs?day=2026-03-04`, null],
      [`${api.url}/admin/audit_logs?day=2026-03-05`, null],
    ])
    expect(documents[0]?.range).toEqual(range('2026-03-03', '2026-03-04'))
  })

  test('of a classic server are its final days, the settled ones and the rest', async () => {
    const api = await start({ now, dialect: 'classic' })
    const documents = await listed(sourceOf(api, { now, overlapMs: 86_400_000 }), range('2026-03-01', null))
    expect(documents.map(({ id, version }) => [id, version])).toEqual([
      [`${api.url}/admin/audit_logs?from=2026-03-01&to=2026-03-04`, 'final'],
      [`${api.url}/admin/audit_logs?day=2026-03-04`, null],
      [`${api.url}/admin/audit_logs?day=2026-03-05`, null],
    ])
  })

  test('the events of all pages arrive one a line, as the server wrote them', async () => {
    const api = await start({ now })
    const [document] = await listed(sourceOf(api, { now, pageLimit: 150 }), RANGE)
    if (document === undefined) throw new Error('nothing listed')
    expect(document.isNdjson).toBe(true)
    const lines = (await whole(document)).split('\n').filter((line) => line !== '')
    expect(lines).toEqual(made('2026-02-26', '2026-02-27', 200).map((event) => JSON.stringify(event)))
  })
})
