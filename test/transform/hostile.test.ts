import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { RECORD_FIELDS } from '../../schemas/tables.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { asKept, contentHash, type Exact, type ExactRecord, exact, NUMBER } from '../support/exact.js'
import { loadInto, newFolder } from '../support/load.js'
import { type RowObject, rebuild, rowsOf } from '../support/rows.js'

interface Hostile {
  readonly what: string
  readonly line?: string
  /** In place of `line`, where the bytes are no text. */
  readonly base64?: string
  /** Columns of its event that are not null; in `extra` a number stands as text after a #. */
  readonly row?: Readonly<Record<string, Exact>>
  /** Why it is a reject. */
  readonly reason?: string
}

const HOSTILE: readonly Hostile[] = JSON.parse(readFileSync('fixtures/hostile-lines.json', 'utf8'))

const bytesOf = ({ line, base64 }: Hostile): Buffer =>
  base64 === undefined ? Buffer.from(line ?? '') : Buffer.from(base64, 'base64')

/** An ordinary line stands between any two, so that a reader that loses count is found out. */
const ordinary = (i: number): string => `{"timestamp":"2020-01-01T00:00:00Z","action":"user:read","actor_user_id":${i}}`

const document = Buffer.concat(HOSTILE.flatMap((hostile, i) => [bytesOf(hostile), Buffer.from(`\n${ordinary(i)}\n`)]))

let events: ReadonlyMap<number, RowObject>
let rejects: ReadonlyMap<number, RowObject>

beforeAll(async () => {
  const sink = duckdbSink(`${newFolder()}/audit.duckdb`, { waitMs: 1000, onWait() {} })
  await loadInto(sink, { document })
  const byLine = (rows: readonly RowObject[]): Map<number, RowObject> =>
    new Map(rows.map((row) => [Number(row.source_line), row]))
  events = byLine(await rowsOf(sink, 'SELECT * FROM audit_events'))
  rejects = byLine(await rowsOf(sink, 'SELECT *, hex(encode(raw)) AS raw_bytes FROM audit_rejects'))
})

/** The fixture's # before a number's digits, as `exact` marks it. */
function marked(value: Exact): Exact {
  if (typeof value === 'string') return value.replace(/^#/, NUMBER)
  if (Array.isArray(value)) return value.map(marked)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, marked(member)]))
}

describe('every line becomes an event or a reject', () => {
  it('and the ordinary ones between are events', () => {
    expect(events.size + rejects.size).toBe(2 * HOSTILE.length)
    for (const i of HOSTILE.keys()) expect(events.get(2 * i + 2)?.actor_user_id).toBe(String(i))
  })
})

describe.each(HOSTILE.map((hostile, i) => ({ ...hostile, at: 2 * i + 1 })).filter(({ row }) => row))(
  'an event: $what',
  ({ at, row, ...hostile }) => {
    const record = exact(bytesOf(hostile).toString()) as ExactRecord

    it('has its columns', () => {
      const event = events.get(at)
      const columns = Object.fromEntries(RECORD_FIELDS.map((field) => [field, event?.[field]]))
      const extra = event?.extra == null ? null : exact(String(event.extra))
      expect({ ...columns, extra }).toEqual({
        ...Object.fromEntries(RECORD_FIELDS.map((field) => [field, row?.[field] ?? null])),
        extra: marked(row?.extra ?? null),
      })
    })

    it('can be rebuilt', () => {
      expect(rebuild(events.get(at) ?? {})).toEqual(asKept(record))
    })

    it('has the hash of the design', () => {
      const known = HOSTILE.slice(0, (at - 1) / 2).filter((earlier) => earlier.row !== undefined)
      const hash = contentHash(record)
      const repeat = known.filter((each) => contentHash(exact(bytesOf(each).toString()) as ExactRecord) === hash).length
      expect(events.get(at)?.content_hash).toBe(contentHash(record, repeat))
    })
  },
)

describe.each(HOSTILE.map((hostile, i) => ({ ...hostile, at: 2 * i + 1 })).filter(({ reason }) => reason))(
  'a reject: $what',
  ({ at, reason, line, base64 }) => {
    it('has its reason, and keeps the line', () => {
      const kept = Buffer.from(base64 ?? line?.replace(/\r$/, '') ?? '')
      expect(rejects.get(at)).toMatchObject({ reason, raw_bytes: kept.toString('hex').toUpperCase() })
    })

    it('says what is wrong without a value of the line', () => {
      const message = String(rejects.get(at)?.message)
      expect(message).not.toMatch(/2026|16744|user:login|Sign in|10\.0/)
      expect(message.length).toBeGreaterThan(10)
    })
  },
)
