/**
 * Statistics of data files, by which readers and loads skip files.
 * https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics
 */

import { z } from 'zod'
import { AUDIT_DOCUMENTS, AUDIT_EVENTS, AUDIT_REJECTS, type Table } from '../../schemas/tables.js'
import type { TimestampBounds } from '../../src/contract.js'
import type { WrittenFile } from '../../src/duckdb/parquet.js'
import type { Add } from './actions.js'

/** Columns that files have statistics of. */
const COUNTED: ReadonlyMap<Table, readonly string[]> = new Map([
  [AUDIT_EVENTS, ['timestamp', 'action', 'content_hash']],
  [AUDIT_REJECTS, ['reject_id', 'source_document', 'loaded_at']],
])

/** A column in which rows with equal keys agree and which roughly follows load order, so that it rules out most files. */
const TELLING: ReadonlyMap<Table, string> = new Map([
  [AUDIT_REJECTS, 'source_document'],
  [AUDIT_DOCUMENTS, 'document'],
])

export const tellingColumn = (table: Table): string => TELLING.get(table) ?? table.key[0] ?? ''

const MS = 1000n
/** 10000-01-01, whose year has too many digits. */
const END_MS = 253_402_300_800_000n

/** The statistics of a file as JSON. Columns without bounds from the engine get none. */
export function statisticsOf(table: Table, { rows, columns }: WrittenFile): string {
  const [minValues, maxValues, nullCount]: Record<string, string | number>[] = [{}, {}, {}]
  for (const name of COUNTED.get(table) ?? table.key) {
    const { min, max, nulls } = columns.get(name) ?? {}
    const isTimestamp = table.columns.find((column) => column.name === name)?.type === 'timestamp'
    const isText = table.columns.find((column) => column.name === name)?.type === 'text'
    if (nulls !== undefined && nullCount !== undefined) nullCount[name] = nulls
    if ((!isTimestamp && !isText) || min === undefined || max === undefined) continue
    const bounds = isTimestamp ? inMilliseconds(min, max) : { least: min, greatest: max }
    if (bounds === null || minValues === undefined || maxValues === undefined) continue
    minValues[name] = bounds.least
    maxValues[name] = bounds.greatest
  }
  return JSON.stringify({ numRecords: rows, minValues, maxValues, nullCount })
}

/** Readers know only milliseconds: the bounds are rounded outwards. */
function inMilliseconds(min: string, max: string): { least: string; greatest: string } | null {
  const [least, greatest] = [microsecondsOf(min), microsecondsOf(max)]
  if (least === null || greatest === null) return null
  const up = -floored(-greatest)
  return up >= END_MS
    ? null
    : { least: new Date(Number(floored(least))).toISOString(), greatest: new Date(Number(up)).toISOString() }
}

const floored = (microseconds: bigint): bigint => microseconds / MS - (microseconds % MS < 0n ? 1n : 0n)

const INSTANT = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(?:Z|\+00(?::?00)?)$/

/** Null for what is not an instant in UTC. */
function microsecondsOf(text: string): bigint | null {
  const [, date, time, fraction = ''] = INSTANT.exec(text) ?? []
  const seconds = Date.parse(`${date}T${time}Z`)
  return Number.isNaN(seconds) ? null : BigInt(seconds) * MS + BigInt(fraction.padEnd(6, '0'))
}

const statistics = z.object({
  numRecords: z.number().nullish(),
  minValues: z.record(z.string(), z.unknown()).nullish(),
  maxValues: z.record(z.string(), z.unknown()).nullish(),
})

function boundsIn({ stats }: Add, column: string): { least: string | null; greatest: string | null } {
  const parsed = statistics.safeParse(jsonOf(stats))
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
  return { least: text(parsed.data?.minValues?.[column]), greatest: text(parsed.data?.maxValues?.[column]) }
}

function jsonOf(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null')
  } catch {
    return null
  }
}

/** Whether a file may hold events between the bounds. Other writers cut their bounds off at the millisecond. */
export function mayHold(file: Add, { least, greatest }: TimestampBounds): boolean {
  const bounds = boundsIn(file, 'timestamp')
  const [first, last] = [bounds.least, bounds.greatest].map((text) => (text === null ? null : microsecondsOf(text)))
  const before = typeof last === 'bigint' && last + MS <= least
  const after = typeof first === 'bigint' && first > greatest
  return !before && !after
}

/** Whether a file may hold rows with texts between `least` and `greatest` in this column. */
export function mayHoldText(file: Add, column: string, least: string, greatest: string): boolean {
  const bounds = boundsIn(file, column)
  const isBefore = (one: string, other: string): boolean => Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0
  return !(
    (bounds.greatest !== null && isBefore(bounds.greatest, least)) ||
    (bounds.least !== null && isBefore(greatest, bounds.least))
  )
}
