/**
 * A batch as Parquet files that COPY can take. COPY matches columns by position, so a file has the columns of its
 * staging table, in their order; instants go as text, because COPY takes no instants with a zone from Parquet.
 */

import { join } from 'node:path'
import type { Column, Table } from '../../schemas/tables.js'
import { AUDIT_DOCUMENTS, AUDIT_EVENTS, AUDIT_REJECTS, RECORD_FIELDS } from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb-error.js'
import { writeParquet } from '../shared/parquet.js'
import { EXACT, mayBeLong, PART_CHARACTERS, PARTS, SUPER_TEXT, withBare } from './exact.js'
import { AUDIT_PARTS, literal, quote } from './place.js'

export interface StagedFile {
  readonly table: StagingTable
  readonly path: string
}

/** A temporary table, filled from one file, with the columns of the table it is for and those given here. */
export interface StagingTable {
  readonly name: string
  readonly for: Table
  readonly more: readonly string[]
}

export const STAGED_EVENTS: StagingTable = { name: 'staged_events', for: AUDIT_EVENTS, more: ['occurrences', 'fills'] }
export const STAGED_REJECTS: StagingTable = { name: 'staged_rejects', for: AUDIT_REJECTS, more: [] }
export const STAGED_RECEIPTS: StagingTable = { name: 'staged_receipts', for: AUDIT_DOCUMENTS, more: [] }
export const STAGED_PARTS: StagingTable = { name: 'staged_parts', for: AUDIT_PARTS, more: [] }

/** Texts a NUL can stand in: a VARCHAR of Redshift's cannot hold one. */
const TEXT_FIELDS = RECORD_FIELDS.filter((field) => field !== 'timestamp' && field !== 'response_code')
const NUL = 'chr(0)'

/**
 * Writes the files of a batch; one without rows is left out.
 *
 * @throws AuditError without any value of a record
 */
export async function writeFiles(who: string, batch: Batch): Promise<StagedFile[]> {
  const { engine, folder, rejects, receipts, rejected } = batch
  const files: StagedFile[] = []
  const write = async (table: StagingTable, select: string): Promise<void> => {
    const path = join(folder, `${table.name}.parquet`)
    if ((await writeParquet(who, engine, select, path, 'snappy')) > 0) files.push({ table, path })
  }
  const parts = rejected === 0 ? [] : [rejectParts(rejects.relation)]
  if (batch.events.bounds !== null) {
    const { nul, long } = await oddities(who, batch)
    const events = withBare(nul ? withOriginals(batch.events.relation) : withExact(batch.events.relation))
    await write(
      STAGED_EVENTS,
      selectFor(STAGED_EVENTS, `(SELECT * REPLACE (${SUPER_TEXT} AS extra) FROM ${events})`, nul),
    )
    if (nul || long) parts.push(extraParts(events))
  }
  if (rejected > 0) await write(STAGED_REJECTS, selectFor(STAGED_REJECTS, keptRejects(rejects.relation)))
  await write(STAGED_RECEIPTS, selectFor(STAGED_RECEIPTS, receipts.relation))
  if (parts.length > 0) await write(STAGED_PARTS, selectFor(STAGED_PARTS, `(${parts.join(' UNION ALL ')})`))
  return files
}

/** The engine's SELECT of a staging table's columns. @param nul whether a text may hold one */
function selectFor(table: StagingTable, relation: string, nul = true): string {
  const columns = table.for.columns.map((column) => `${staged(column, nul)} AS ${quote(column.name)}`)
  const counts = table.more.map((name) => `CAST(${name} AS INTEGER) AS ${name}`)
  return `SELECT ${[...columns, ...counts].join(', ')} FROM ${relation}`
}

function staged({ name, type }: Column, nul: boolean): string {
  const value = quote(name)
  if (type === 'text' && nul) return `replace(${value}, ${NUL}, '')`
  if (type === 'timestamp') return `CAST(timezone('UTC', ${value}) AS VARCHAR) || '+00'`
  return type === 'bigint' ? `CAST(${value} AS BIGINT)` : value
}

const HAS_NUL = `contains(concat(${TEXT_FIELDS.map(quote).join(', ')}), ${NUL})`

/** What next to no batch has, so that looking once is cheaper than being ready in every row. */
async function oddities(who: string, { engine, events }: Batch): Promise<{ nul: boolean; long: boolean }> {
  const sql = `SELECT bool_or(${HAS_NUL}), bool_or(${mayBeLong('CAST(extra AS VARCHAR)')}) FROM ${events.relation}`
  try {
    const [nul, long] = (await engine.runAndReadAll(sql)).getRows()[0] ?? []
    return { nul: nul === true, long: long === true }
  } catch (error) {
    throw duckdbError(who, error)
  }
}

/** Events with `_exact`, the JSON text of their extra. */
const withExact = (events: string): string => `(SELECT *, CAST(extra AS VARCHAR) AS ${EXACT} FROM ${events})`

/** The same; where a column holds a NUL, with the original under its key. */
function withOriginals(events: string): string {
  const originals = TEXT_FIELDS.map(
    (field) =>
      `${literal(field)}, CASE WHEN contains(${quote(field)}, ${NUL}) AND NOT coalesce(json_exists(extra, '$.${field}'), false) THEN ${quote(field)} END`,
  )
  // A merge patch drops the members that are null.
  const kept = `CAST(json_merge_patch('{}'::JSON, json_object(${originals.join(', ')})) AS VARCHAR)`
  return `(
    SELECT *, CASE WHEN kept = '{}' THEN text WHEN text IS NULL THEN kept ELSE concat(left(text, -1), ',', kept[2:]) END AS ${EXACT}
    FROM (SELECT *, CAST(extra AS VARCHAR) AS text, ${kept} AS kept FROM ${events})
  )`
}

/** Rejects with `_exact`, the raw line or, where it holds a NUL, its base64. */
const exactRejects = (rejects: string): string => `(
  SELECT *, CASE WHEN contains(raw, ${NUL}) THEN to_base64(encode(raw)) ELSE raw END AS ${EXACT} FROM ${rejects}
)`

const keptRejects = (rejects: string): string => `(
  SELECT * REPLACE (
    substring(${EXACT}, 1, ${PART_CHARACTERS}) AS raw,
    concat(message, CASE WHEN ${EXACT} <> raw THEN '; raw is its base64' END,
      CASE WHEN length(${EXACT}) > ${PART_CHARACTERS} THEN '; raw is its beginning, audit_parts has the rest' END) AS message
  ) FROM ${exactRejects(rejects)}
)`

/** What does not fit, in parts counted from 1. */
const extraParts = (events: string): string =>
  inParts(
    `SELECT content_hash AS id, ${EXACT} AS text, 1 AS first FROM ${events} WHERE ${mayBeLong(EXACT)} AND ${SUPER_TEXT} LIKE '{"${PARTS}":%'`,
  )

/** Their first part stands in raw. */
const rejectParts = (rejects: string): string =>
  inParts(
    `SELECT reject_id AS id, ${EXACT} AS text, 0 AS first FROM ${exactRejects(rejects)} WHERE length(${EXACT}) > ${PART_CHARACTERS}`,
  )

const inParts = (texts: string): string => `
  SELECT id, CAST(part AS INTEGER) AS part, substring(text, ${PART_CHARACTERS} * (part - first) + 1, ${PART_CHARACTERS}) AS text
  FROM (SELECT *, unnest(range(1, (length(text) - 1) // ${PART_CHARACTERS} + 1 + first)) AS part FROM (${texts}))`
