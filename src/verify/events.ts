/** Compares the events of a sink with those of the replay: digests by hour, then rows. */

import type { Span } from '../../schemas/day-digest.js'
import { DUCKDB_PROOF, eventDigests, eventRows, PROVEN_COLUMNS } from '../../schemas/proof.js'
import { FILLED_FIELDS, NAME_FIELDS } from '../../schemas/tables.js'
import type { ProofQuestions } from '../contract.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import type { Engine } from '../transform/engine.js'
import { EXTRA_ALLOWED } from './allowed.js'
import { EXPECTED, type Expected } from './expected.js'
import { type Finding, listed, MOST_IDS } from './findings.js'
import { type Held, type Workplace, withAnswer } from './held.js'

export interface Wanted {
  /** Null for all days. */
  readonly span: Span | null
  /** Hexadecimal digits, new for each comparison. */
  readonly salt: string
  /** Whether every row is compared, not only those of hours whose digests differ. */
  readonly deep: boolean
}

/** Rows that are fetched at a time, where an hour has no more. */
const MOST_ROWS = 500_000
const HOUR_MS = 3_600_000

interface Hour {
  /** `2026-10-01 12` */
  readonly at: string
  readonly rows: number
  readonly isEqual: boolean
}

/** @returns a finding for each day, kind and set of columns */
export async function eventFindings(
  place: Workplace,
  held: Held,
  expected: Expected,
  wanted: Wanted,
): Promise<readonly Finding[]> {
  const groups = new Map<string, Finding>()
  const hours = await hoursOf(place, held, expected, wanted)
  for (const span of spansOf(hours.filter(isInCalendar), wanted.deep)) {
    for (const finding of await compareRows(place, held, expected, span)) {
      const key = JSON.stringify([finding.day, finding.kind, finding.columns])
      const known = groups.get(key)
      const ids = [...(known?.ids ?? []), ...finding.ids].slice(0, MOST_IDS)
      groups.set(key, { ...finding, ids, count: (known?.count ?? 0) + finding.count })
    }
  }
  const elsewhere = hours.filter((hour) => !isInCalendar(hour)).reduce((sum, { rows }) => sum + rows, 0)
  return elsewhere === 0 ? [...groups.values()] : [...groups.values(), outsideOf(elsewhere)]
}

/** Some warehouses have instants before the year 1, after 9999, or infinite ones, which no event can have. */
const isInCalendar = ({ at }: Hour): boolean => /^(?!0000)\d{4}-\d\d-\d\d \d\d$/.test(at)

const outsideOf = (count: number): Finding => ({
  ...{ what: 'event', kind: 'extra', columns: [], source: null, day: null, document: null },
  ...{ count, ids: [] },
})

async function hoursOf(
  place: Workplace,
  held: Held,
  expected: Expected,
  { span, salt }: Wanted,
): Promise<readonly Hour[]> {
  const { engine } = place
  const { proof } = held.questions
  const byHour = async (digests: string): Promise<ReadonlyMap<string, readonly [rows: number, digest: string]>> =>
    new Map(
      (await engine.rows(digests)).map(({ utc_hour, events, digest }) => [
        String(utc_hour),
        [Number(events), String(digest ?? 0)],
      ]),
    )
  const wanted = await expected.attached(engine.connection, () => {
    const events = keptBy(proof, engine, `${EXPECTED}.audit_events`)
    return byHour(eventDigests(DUCKDB_PROOF, events, span, salt, proof.jsonKept === 'text'))
  })
  const columns = ['utc_hour', 'events', 'digest']
  const found = await withAnswer(place, held, proof.eventDigests(span, salt), columns, (relation) =>
    byHour(`FROM ${relation}`),
  )
  return [...new Set([...wanted.keys(), ...found.keys()])].sort().map((at) => {
    const [expectedRows = 0, expectedDigest] = wanted.get(at) ?? []
    const [foundRows = 0, foundDigest] = found.get(at) ?? []
    const isEqual = expectedRows === foundRows && expectedDigest === foundDigest
    return { at, rows: Math.max(expectedRows, foundRows), isEqual }
  })
}

/** What to fetch: neighbouring hours together, and days too, because some warehouses charge for each query. */
export function spansOf(hours: readonly Hour[], deep: boolean): readonly Span[] {
  const spans: Span[] = []
  let rows = 0
  for (const hour of hours) {
    const last = spans.at(-1)
    rows += hour.rows
    if (!deep && hour.isEqual) continue
    const from = new Date(`${hour.at.replace(' ', 'T')}:00:00Z`)
    const to = new Date(from.getTime() + HOUR_MS)
    if (last !== undefined && rows <= MOST_ROWS) {
      spans[spans.length - 1] = { from: last.from, to }
    } else {
      spans.push({ from, to })
      rows = hour.rows
    }
  }
  return spans
}

async function compareRows(place: Workplace, held: Held, expected: Expected, span: Span): Promise<readonly Finding[]> {
  const { engine } = place
  const { proof } = held.questions
  const columns = ['utc', ...PROVEN_COLUMNS.map(({ name }) => name)]
  const found = await withAnswer(place, held, proof.events(span), columns, (relation) =>
    expected.attached(engine.connection, () => {
      const wanted = eventRows(DUCKDB_PROOF, keptBy(proof, engine, `${EXPECTED}.audit_events`), span)
      const others = otherValuesOf(keptBy(proof, engine, expected.otherValues), span)
      return engine.rows(findingsIn(relation, wanted, others, proof.jsonKept))
    }),
  )
  return found.map(({ day, kind, columns, rows, ids }) => ({
    ...{ what: 'event', source: null, document: null },
    kind: String(kind) as Finding['kind'],
    columns: listed(columns),
    day: String(day),
    count: Number(rows),
    ids: listed(ids),
  }))
}

const keptBy = ({ kept }: ProofQuestions, engine: Engine, events: string): string =>
  kept?.(engine.connection, events) ?? events

/** Lists of what the documents of an event say beside its row, by event. */
function otherValuesOf(relation: string, { from, to }: Span): string {
  // Names of the API outrank those of objects and files.
  const ranks = `o.document LIKE 'http%' OR NOT coalesce(t.names_document, '') LIKE 'http%'`
  const lists = NAME_FIELDS.map(
    (name) => `list(o.${quotedIdentifier(name)}) FILTER (${ranks}) AS ${quotedIdentifier(`other ${name}`)}`,
  )
  return `
    SELECT strftime(make_timestamp(epoch_us(o."timestamp")), '%Y-%m-%d %H:%M:%S.%f') AS utc, o.content_hash,
      ${lists.join(', ')},
      string_agg(CAST(o.extra AS VARCHAR), chr(10)) AS "other extra"
    FROM ${relation} o JOIN ${EXPECTED}.audit_events t ON t."timestamp" = o."timestamp" AND t.content_hash = o.content_hash
    WHERE epoch_ms(o."timestamp") BETWEEN ${from.getTime()} AND ${to.getTime()}
    GROUP BY 1, 2`
}

function findingsIn(held: string, wanted: string, others: string, kept: ProofQuestions['jsonKept']): string {
  const altered = PROVEN_COLUMNS.filter(({ name }) => name !== 'content_hash').map(({ name }) => {
    const [held, expected, other] = [
      `h.${quotedIdentifier(name)}`,
      `e.${quotedIdentifier(name)}`,
      quotedIdentifier(`other ${name}`),
    ]
    const differs = `${held} IS DISTINCT FROM ${expected}`
    const allowed =
      name === 'extra'
        ? `${EXTRA_ALLOWED}(coalesce(${held}, ''), coalesce(${expected}, ''), coalesce(o.${other}, ''), '${kept}')`
        : `coalesce(list_contains(o.${other}, ${held}), false)`
    const isFilled = FILLED_FIELDS.includes(name)
    return `CASE WHEN ${differs}${isFilled ? ` AND NOT ${allowed}` : ''} THEN ${quotedString(name)} END`
  })
  const different = PROVEN_COLUMNS.map(({ name }) => quotedIdentifier(name)).map(
    (column) => `h.${column} IS DISTINCT FROM e.${column}`,
  )
  const numbered = (rows: string): string =>
    `(SELECT *, row_number() OVER (PARTITION BY utc, content_hash) AS copy FROM ${rows})`
  return `
    WITH pairs AS (
      SELECT coalesce(h.utc, e.utc) AS utc, coalesce(h.content_hash, e.content_hash) AS content_hash, h, e,
        CASE WHEN h.copy IS NULL THEN 'missing' WHEN e.copy IS NULL THEN 'extra' ELSE 'altered' END AS kind
      FROM ${numbered(`(FROM ${held} WHERE regexp_full_match(utc, '[0-9]{4}-.*'))`)} h FULL JOIN ${numbered(`(${wanted})`)} e
        ON h.utc = e.utc AND h.content_hash = e.content_hash AND h.copy = e.copy
      WHERE h.copy IS NULL OR e.copy IS NULL OR ${different.join(' OR ')}
    ),
    named AS (
      SELECT utc, content_hash, kind,
        CASE WHEN kind = 'altered' THEN array_to_string(list_filter([${altered.join(',\n          ')}], lambda name: name IS NOT NULL), ',') ELSE '' END AS columns
      FROM pairs LEFT JOIN (${others}) o USING (utc, content_hash)
    )
    SELECT utc[:10] AS day, kind, columns, count(*) AS rows,
      array_to_string(min(content_hash, ${MOST_IDS}) FILTER (regexp_full_match(content_hash, '[0-9a-f]{64}')), ',') AS ids
    FROM named WHERE kind <> 'altered' OR columns <> ''
    GROUP BY ALL ORDER BY ALL`
}
