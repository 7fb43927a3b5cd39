/**
 * Writes a batch as Parquet files for COPY. COPY matches columns by position, so a file has the columns of its staging table in
 * their order. Instants are staged as text, because COPY accepts no instants with a zone from Parquet.
 */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { redshiftBytes } from '../../schemas/ddl.js'
import type { Column, Table } from '../../schemas/tables.js'
import {
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  RECORD_FIELDS,
} from '../../schemas/tables.js'
import type { Batch } from '../../src/contract.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { writeParquetFiles } from '../../src/duckdb/parquet.js'
import { EXTRA_FUNCTIONS } from '../../src/transform/extras.js'
import { readingsAsEvents } from '../shared/duckdb-merge.js'
import { EXACT, isReference, mayNeedParts, registerSuperText, SUPER_TEXT } from './exact.js'
import { inParts, NUL, stagedPieces, stagedRejects } from './long-texts.js'
import { AUDIT_PARTS, literal, quote } from './namespace.js'

/** The files that one COPY reads. */
export interface StagedFiles {
  readonly table: StagingTable
  readonly paths: readonly string[]
}

/** A temporary table filled from files, with the columns of its target table and those given here. */
export interface StagingTable {
  readonly name: string
  readonly for: Table
  readonly more: readonly string[]
}

/** `reading` is 0 for the batch's events, and counts its contradicting readings from 1. */
export const STAGED_EVENTS: StagingTable = {
  name: 'staged_events',
  for: AUDIT_EVENTS,
  more: ['occurrences', 'fills', 'reading'],
}
export const STAGED_REJECTS: StagingTable = { name: 'staged_rejects', for: AUDIT_REJECTS, more: [] }
export const STAGED_PIECES: StagingTable = { name: 'staged_pieces', for: AUDIT_REJECT_PIECES, more: [] }
export const STAGED_RECEIPTS: StagingTable = { name: 'staged_receipts', for: AUDIT_DOCUMENTS, more: [] }
export const STAGED_PARTS: StagingTable = { name: 'staged_parts', for: AUDIT_PARTS, more: [] }

/**
 * Each slice of a cluster reads a file, best of 1 MB to 1 GB; Parquet is split only from 128 MB on.
 * https://docs.aws.amazon.com/redshift/latest/dg/c_best-practices-use-multiple-files.html
 */
const FILE_BYTES = 32 * 2 ** 20

/** Texts of a record: they may have a NUL, which no VARCHAR can hold, and may be longer than their column. */
const TEXT_FIELDS = RECORD_FIELDS.filter((field) => field !== 'timestamp' && field !== 'response_code')

/**
 * Writes the files of a batch; a file without rows is left out.
 *
 * @throws AuditError without any value of a record
 */
export async function writeFiles(who: string, batch: Batch): Promise<StagedFiles[]> {
  const { engine, folder, receipts, rejected } = batch
  const files: StagedFiles[] = []
  const write = async (table: StagingTable, select: string): Promise<void> => {
    const target = join(folder, table.name)
    // An earlier attempt at the same batch may have left files there.
    await rm(target, { recursive: true, force: true })
    const paths = await writeParquetFiles(who, engine, select, target, FILE_BYTES)
    if (paths.length > 0) files.push({ table, paths })
  }
  if (batch.events.bounds !== null) {
    registerSuperText(engine)
    const read = eventsAndReadings(batch)
    const { unfit, long } = await oddities(who, batch, read)
    const events = unfit ? withOriginals(read) : withExact(read)
    await write(
      STAGED_EVENTS,
      selectFor(STAGED_EVENTS, `(SELECT * REPLACE (${SUPER_TEXT} AS extra) FROM ${events})`, unfit),
    )
    if (unfit || long) await write(STAGED_PARTS, selectFor(STAGED_PARTS, extraParts(events)))
  }
  if (rejected > 0) {
    await write(STAGED_REJECTS, selectFor(STAGED_REJECTS, stagedRejects(batch)))
    await write(STAGED_PIECES, selectFor(STAGED_PIECES, stagedPieces(batch)))
  }
  await write(STAGED_RECEIPTS, selectFor(STAGED_RECEIPTS, receipts.relation))
  return files
}

function eventsAndReadings(batch: Batch): string {
  const events = `SELECT *, 0 AS reading FROM ${batch.events.relation}`
  if (batch.readings.rows === 0) return `(${events})`
  return `(${events} UNION ALL BY NAME SELECT *, row_number() OVER () AS reading FROM ${readingsAsEvents(batch)})`
}

/** The engine's SELECT of a staging table's columns. @param unfit whether a text may not fit its column */
function selectFor(table: StagingTable, relation: string, unfit = true): string {
  const columns = table.for.columns.map((column) => `${staged(column, unfit)} AS ${quote(column.name)}`)
  const counts = table.more.map((name) => `CAST(${name} AS INTEGER) AS ${name}`)
  return `SELECT ${[...columns, ...counts].join(', ')} FROM ${relation}`
}

function staged({ name, type }: Column, unfit: boolean): string {
  const value = quote(name)
  if (type === 'text' && unfit) return fitting(name)
  if (type === 'timestamp') return `CAST(timezone('UTC', ${value}) AS VARCHAR) || '+00'`
  return type === 'bigint' ? `CAST(${value} AS BIGINT)` : value
}

/** A text without NUL; if it is longer than its column, as many characters of it as always fit. */
function fitting(name: string): string {
  const bytes = redshiftBytes(name)
  const text = `replace(${quote(name)}, ${NUL}, '')`
  return `CASE WHEN strlen(${text}) > ${bytes} THEN left(${text}, ${Math.floor(bytes / 4)}) ELSE ${text} END`
}

const isUnfit = (name: string): string =>
  `(contains(${quote(name)}, ${NUL}) OR strlen(${quote(name)}) > ${redshiftBytes(name)})`

/** Things that almost no batch has: looking once is cheaper than handling them in every row. */
async function oddities(who: string, { engine }: Batch, events: string): Promise<{ unfit: boolean; long: boolean }> {
  const sql = `SELECT bool_or(${TEXT_FIELDS.map(isUnfit).join(' OR ')}), bool_or(${mayNeedParts('CAST(extra AS VARCHAR)')}) FROM ${events}`
  try {
    const [unfit, long] = (await engine.runAndReadAll(sql)).getRows()[0] ?? []
    return { unfit: unfit === true, long: long === true }
  } catch (error) {
    throw duckdbError(who, error)
  }
}

/** Events with `_exact`, the JSON text of their extra. */
const withExact = (events: string): string => `(SELECT *, CAST(extra AS VARCHAR) AS ${EXACT} FROM ${events})`

/** The same; if a column cannot hold a text, extra has the original under its key. */
function withOriginals(events: string): string {
  const originals = TEXT_FIELDS.map(
    (field) => `${literal(field)}, CASE WHEN ${isUnfit(field)} THEN ${quote(field)} END`,
  )
  // A merge patch drops members that are null.
  const kept = `CAST(json_merge_patch('{}'::JSON, json_object(${originals.join(', ')})) AS VARCHAR)`
  return `(
    SELECT *, CASE WHEN kept = '{}' THEN text WHEN text IS NULL THEN kept ELSE ${EXTRA_FUNCTIONS.merged}(text, kept) END AS ${EXACT}
    FROM (SELECT *, CAST(extra AS VARCHAR) AS text, ${kept} AS kept FROM ${events})
  )`
}

/** The whole text of each extra that does not fit its row, once for all rows that have it. */
const extraParts = (events: string): string =>
  inParts(`
    SELECT DISTINCT sha256(${EXACT}) AS id, ${EXACT} AS text
    FROM ${events} WHERE ${mayNeedParts(EXACT)} AND ${isReference(SUPER_TEXT)}`)

/** A relation with the events of another one as they are in `audit_events`. */
export function keptEvents(engine: Batch['engine'], events: string): string {
  registerSuperText(engine)
  const texts = TEXT_FIELDS.map((field) => `${fitting(field)} AS ${quote(field)}`)
  return `(SELECT * REPLACE (${[...texts, `${SUPER_TEXT} AS extra`].join(', ')}) FROM ${withOriginals(events)})`
}
