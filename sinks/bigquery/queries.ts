/** The statements other than the merge: receipts and actions. */

import { ACTIONS } from '../../schemas/actions.js'
import { BIGQUERY } from '../../schemas/ddl.js'
import { AUDIT_ACTIONS, AUDIT_DOCUMENTS, AUDIT_EVENTS, FILLED_FIELDS } from '../../schemas/tables.js'
import type { DayRange } from '../../src/contract.js'
import type { Configuration } from './jobs.js'
import type { Names } from './tables.js'

type Query = NonNullable<Configuration['query']>
export type Parameter = NonNullable<Query['queryParameters']>[number]

/** https://cloud.google.com/bigquery/docs/parameterized-queries */
export const parameter = (name: string, type: 'STRING' | 'INT64' | 'TIMESTAMP', value: string | number): Parameter => ({
  name,
  parameterType: { type },
  parameterValue: { value: String(value) },
})

/** Parameter: source. */
export const receiptsQuery = ({
  full,
}: Names): string => `SELECT document, MAX_BY(document_version, loaded_at) AS version
FROM ${full(AUDIT_DOCUMENTS.name)} WHERE source = @source GROUP BY document`

/** Reads the columns that the merge compares, for the days of a range: for a dry run. */
export function comparedQuery({ full }: Names, { from, to }: DayRange): string {
  const at = BIGQUERY.quote('timestamp')
  const columns = ['timestamp', 'content_hash', ...FILLED_FIELDS, 'names_document'].map(BIGQUERY.quote).join(', ')
  const first = `TIMESTAMP '${from?.toISOString().slice(0, 10) ?? '0001-01-01'} 00:00:00+00'`
  const end = to === null ? '' : ` AND ${at} < TIMESTAMP '${to.toISOString().slice(0, 10)} 00:00:00+00'`
  return `SELECT ${columns} FROM ${full(AUDIT_EVENTS.name)} WHERE ${at} >= ${first}${end}`
}

/** Rewrites audit_actions. Its rows are constants of ours, so they are literals in the statement. */
export function actionsScript({ full }: Names): string {
  const columns = AUDIT_ACTIONS.columns.map(({ name }) => BIGQUERY.quote(name)).join(', ')
  const rows = ACTIONS.map(
    ({ action, object, verb, category, destructive, definition }) =>
      `(${[action, object, verb, category].map(literal).join(', ')}, ${destructive}, ${literal(definition)})`,
  )
  return `BEGIN TRANSACTION;
DELETE FROM ${full(AUDIT_ACTIONS.name)} WHERE TRUE;
INSERT INTO ${full(AUDIT_ACTIONS.name)} (${columns}) VALUES
  ${rows.join(',\n  ')};
COMMIT TRANSACTION;
`
}

/** A literal for a text of ours. */
export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
