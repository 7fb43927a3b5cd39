/** Answers queries from the landing zone itself: an embedded DuckDB over our own files there. */

import { rm } from 'node:fs/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import { createTable, DUCKDB } from '../../schemas/ddl.js'
import { MIRRORED_TABLES } from '../../schemas/fabric.js'
import { AUDIT_ACTIONS, AUDIT_FINDINGS, AUDIT_PRIVACY } from '../../schemas/tables.js'
import type { QueryParameters, QueryResult, Questions } from '../../src/contract.js'
import { openConnection } from '../../src/duckdb/connection.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { AuditError } from '../../src/errors.js'
import { scratchFolder } from '../../src/scratch.js'
import { DUCKDB_SQL } from '../shared/duckdb-forms.js'
import { actionRows, newestReceipts } from '../shared/duckdb-tables.js'
import { questions } from '../shared/questions.js'
import { openRoom } from '../shared/room.js'
import { eachOnce, JOURNAL_TABLES, journalRows } from './journals.js'
import { JOURNALS, type JournalName, type Manifest } from './manifest.js'
import { numberedFiles, waitingOf } from './publish.js'
import type { Zone } from './zone.js'

/** Events by UTC day and source. */
const DAYS = 'CREATE TABLE audit_event_days (day DATE, source VARCHAR, events BIGINT)'
/** Replication progress by table. The last file stays after it is applied, so it counts as taken. */
const MIRRORING =
  'CREATE TABLE audit_mirroring (table_name VARCHAR, published BIGINT, waiting BIGINT, waiting_since TIMESTAMPTZ)'

/** Events are only in Fabric itself, so nobody can be looked for in them. */
const { personal: _, detection: __, reported: ___, ...shared } = questions({ ...DUCKDB_SQL, keys: (events) => events })

const part = (days: number, part: string) => shared.status(days).filter(({ name }) => name === part)

export const QUESTIONS: Questions = {
  ...shared,
  newest: ({ from, to }) => `
    SELECT CASE WHEN max(day) IS NOT NULL THEN
      least(CAST(max(day) + 1 AS TIMESTAMP) AT TIME ZONE 'UTC', ${DUCKDB_SQL.instant(to)}) END AS newest
    FROM audit_event_days
    WHERE day >= DATE '${from.toISOString().slice(0, 10)}' AND day <= DATE '${to.toISOString().slice(0, 10)}'`,
  status: (days) => [
    ...part(days, 'sources'),
    {
      name: 'days',
      title: `Events by UTC day, and rejects by the day they were loaded, of the last ${days} days there are`,
      sql: `
        WITH documents AS (SELECT document, min(source) AS source FROM audit_documents GROUP BY document),
        counted AS (
          SELECT day, source, events, 0 AS rejects FROM audit_event_days
          UNION ALL
          SELECT CAST(loaded_at AT TIME ZONE 'UTC' AS DATE), coalesce(source, '(receipt deleted)'), 0, 1
          FROM audit_rejects LEFT JOIN documents ON document = source_document
        ),
        latest AS (SELECT DISTINCT day FROM counted ORDER BY day DESC LIMIT ${days})
        SELECT day, source, CAST(sum(events) AS BIGINT) AS events, CAST(sum(rejects) AS BIGINT) AS rejects
        FROM counted SEMI JOIN latest USING (day) GROUP BY day, source ORDER BY day, source`,
    },
    ...part(days, 'conflicts'),
    {
      name: 'mirroring',
      title: 'Files in the landing zone that Fabric has not taken yet',
      sql: 'SELECT table_name, published, waiting, waiting_since FROM audit_mirroring ORDER BY table_name',
    },
  ],
}

/** @returns null when a file was replaced meanwhile, so the manifest is not the newest */
export async function answer(
  zone: Zone,
  manifest: Manifest,
  { sql, parameters }: { readonly sql: string; readonly parameters: QueryParameters },
  signal: AbortSignal,
): Promise<QueryResult | null> {
  const room = await openRoom(zone.id)
  try {
    if (await fill(room.connection, zone, manifest, sql, signal)) return await room.ask(sql, parameters)
    room.close()
    return null
  } catch (error) {
    room.close()
    throw /Table with name audit_\w+ does not exist/.test(String(error)) ? elsewhere(zone) : duckdbError(zone.id, error)
  }
}

/** Creates the tables, and fetches the rows of those that the statement names. */
async function fill(
  connection: DuckDBConnection,
  zone: Zone,
  manifest: Manifest,
  sql: string,
  signal: AbortSignal,
): Promise<boolean> {
  const named = (table: string): boolean => sql.toLowerCase().includes(table)
  for (const table of [...Object.values(JOURNAL_TABLES), AUDIT_ACTIONS, AUDIT_PRIVACY, AUDIT_FINDINGS])
    await connection.run(createTable(table, DUCKDB))
  await connection.run(`INSERT INTO ${AUDIT_ACTIONS.name} SELECT * FROM ${actionRows()}`)
  await connection.run(DAYS)
  await connection.run(MIRRORING)
  await fillDays(connection, manifest)
  for (const { privacy_id, kind, value, made_at } of manifest.privacy)
    await connection.run(`INSERT INTO ${AUDIT_PRIVACY.name} VALUES ($1, $2, $3, $4)`, [
      privacy_id,
      kind,
      value,
      made_at,
    ])
  if (named('audit_mirroring')) await fillMirroring(connection, zone, manifest, signal)
  for (const name of JOURNALS)
    if (named(name) && !(await fillJournal(connection, zone, name, manifest, signal))) return false
  return true
}

async function fillJournal(
  connection: DuckDBConnection,
  zone: Zone,
  name: JournalName,
  { journals }: Manifest,
  signal: AbortSignal,
): Promise<boolean> {
  const folder = await scratchFolder()
  try {
    const rows = await journalRows(zone, name, journals[name], folder, signal)
    if (rows === null) return false
    await connection.run(`INSERT INTO ${name} SELECT * FROM ${rows} ${eachOnce(name)}`)
    return true
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function fillDays(connection: DuckDBConnection, { days }: Manifest): Promise<void> {
  const appender = await connection.createAppender('audit_event_days')
  for (const [day, { events }] of Object.entries(days)) {
    for (const [source, count] of Object.entries(events)) {
      appender.appendVarchar(day)
      appender.appendVarchar(source)
      appender.appendBigInt(BigInt(count))
      appender.endRow()
    }
  }
  appender.closeSync()
}

async function fillMirroring(
  connection: DuckDBConnection,
  zone: Zone,
  { tables }: Manifest,
  signal: AbortSignal,
): Promise<void> {
  for (const { name } of MIRRORED_TABLES) {
    const { waiting, since } = waitingOf(await numberedFiles(zone, name, signal))
    await connection.run('INSERT INTO audit_mirroring VALUES ($1, $2, $3, $4)', [
      name,
      BigInt(tables[name]?.number ?? 0),
      BigInt(waiting),
      since?.toISOString() ?? null,
    ])
  }
}

/** Newest version of each document of a source. Null when a file was replaced meanwhile. */
export async function receiptsOf(
  zone: Zone,
  { journals }: Manifest,
  source: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | null> {
  const folder = await scratchFolder()
  const { connection, close } = await openConnection()
  try {
    const receipts = await journalRows(zone, 'audit_documents', journals.audit_documents, folder, signal)
    if (receipts === null) return null
    return await newestReceipts(connection, receipts, source)
  } finally {
    close()
    await rm(folder, { recursive: true, force: true })
  }
}

const elsewhere = ({ id }: Zone): AuditError =>
  new AuditError(`${id}: events are only in Fabric itself; the landing zone cannot answer queries about them`, {
    advice:
      'Ask the SQL analytics endpoint of the mirrored database; its address is in the settings of the item. Here there are audit_documents, audit_loads, audit_rejects, audit_reject_pieces, audit_conflicts, audit_actions, audit_privacy, audit_event_days and audit_mirroring.',
  })
