/**
 * The tables that Microsoft Fabric mirrors. An upsert there replaces a whole row, so what a later load may fill in
 * (names, extra) has a table of its own, and a view puts the two together again.
 */

import { DUCKDB } from './ddl.js'
import {
  AUDIT_ACTIONS,
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  FILLED_FIELDS,
  type Table,
} from './tables.js'
import { activityViews, type ViewForms } from './views/activity.js'

/** The schema of the mirrored tables. The views lie in `dbo`, the default one, so that queries find them by their bare names. */
export const MIRRORED_SCHEMA = 'wandb_audit'

/** A row of the names also tells which document they are from. */
const isFilled = ({ name }: { readonly name: string }): boolean =>
  FILLED_FIELDS.includes(name) || name === 'names_document'

export const MIRRORED_EVENTS: Table = {
  ...AUDIT_EVENTS,
  meaning: 'One row per audit event, without the columns that a later load may fill in.',
  columns: AUDIT_EVENTS.columns.filter((column) => !isFilled(column)),
}

export const MIRRORED_NAMES: Table = {
  name: 'audit_event_names',
  meaning: 'Names and extra of the events that have any; when a load fills a gap, the row is replaced.',
  key: AUDIT_EVENTS.key,
  columns: AUDIT_EVENTS.columns.filter((column) => AUDIT_EVENTS.key.includes(column.name) || isFilled(column)),
}

/** Key columns cannot change once a table is mirrored, so a row for each version stays; our own journal has one a document. */
const MIRRORED_DOCUMENTS: Table = { ...AUDIT_DOCUMENTS, key: [...AUDIT_DOCUMENTS.key, 'document_version'] }

export const MIRRORED_TABLES: readonly Table[] = [
  MIRRORED_EVENTS,
  MIRRORED_NAMES,
  AUDIT_REJECTS,
  AUDIT_REJECT_PIECES,
  AUDIT_CONFLICTS,
  MIRRORED_DOCUMENTS,
  AUDIT_LOADS,
  AUDIT_ACTIONS,
]

/** `audit_events` as every other warehouse has it, in SQL that Fabric's endpoint and DuckDB read alike. */
export function eventsView(): string {
  const columns = AUDIT_EVENTS.columns.map((column) => `  ${isFilled(column) ? 'n' : 'e'}.${DUCKDB.quote(column.name)}`)
  const key = AUDIT_EVENTS.key.map((name) => `n.${DUCKDB.quote(name)} = e.${DUCKDB.quote(name)}`)
  return `CREATE VIEW dbo.${AUDIT_EVENTS.name} AS
SELECT
${columns.join(',\n')}
FROM ${MIRRORED_SCHEMA}.${MIRRORED_EVENTS.name} AS e
LEFT JOIN ${MIRRORED_SCHEMA}.${MIRRORED_NAMES.name} AS n ON ${key.join(' AND ')};
`
}

const FORMS: ViewForms = {
  table: (name) => (name === AUDIT_EVENTS.name ? `dbo.${name}` : `${MIRRORED_SCHEMA}.${name}`),
  column: DUCKDB.quote,
  microseconds: (instant) => `DATEDIFF_BIG(microsecond, '1970-01-01', ${instant})`,
  isTrue: (column) => `${column} = 1`,
}

/** The views above `dbo.audit_events`, in T-SQL. */
export const fabricViews = (): string =>
  activityViews(FORMS)
    .map(({ name, sql }) => `CREATE VIEW dbo.${name} AS\n${sql};\n`)
    .join('GO\n')
