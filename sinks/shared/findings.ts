/** The findings that `check` has reported, in SQL that all warehouses read alike. */

import { AUDIT_FINDINGS } from '../../schemas/tables.js'
import type { ReportedFinding } from '../../src/contract.js'
import type { SqlForms } from './questions.js'

/** A statement of Redshift has at most 100 KB. */
const ROWS_A_STATEMENT = 250

/** finding_key of each finding that was reported and began then or later. */
export const reportedQuery = ({ table, instant }: Pick<SqlForms, 'table' | 'instant'>, since: Date): string =>
  `SELECT finding_key FROM ${table(AUDIT_FINDINGS.name)} WHERE started_at >= ${instant(since)}`

/** SELECTs findings as rows of audit_findings, without the last column. Their texts are hex digits and words of ours. */
function rowsOf(findings: readonly ReportedFinding[], instant: SqlForms['instant']): string {
  const rows = findings.map(
    ({ finding_key, detection, severity, started_at }) =>
      `SELECT '${finding_key}' AS finding_key, '${detection}' AS detection, '${severity}' AS severity, ${instant(started_at)} AS started_at`,
  )
  return rows.join('\n  UNION ALL ')
}

/** A relation of DuckDB with findings as rows of audit_findings, reported now. */
export const findingRows = (findings: readonly ReportedFinding[], instant: SqlForms['instant']): string =>
  `(SELECT *, now() AS reported_at FROM (${rowsOf(findings, instant)})) AS reported`

/** Statements that insert the findings whose key is new. @param now expression for the present instant */
export function reportStatements(
  { table, instant }: Pick<SqlForms, 'table' | 'instant'>,
  now: string,
  findings: readonly ReportedFinding[],
): string[] {
  const name = table(AUDIT_FINDINGS.name)
  const statements = []
  for (let at = 0; at < findings.length; at += ROWS_A_STATEMENT) {
    const rows = rowsOf(findings.slice(at, at + ROWS_A_STATEMENT), instant)
    statements.push(`INSERT INTO ${name} (finding_key, detection, severity, started_at, reported_at)
SELECT r.finding_key, r.detection, r.severity, r.started_at, ${now} FROM (
  ${rows}
) AS r
WHERE r.finding_key NOT IN (SELECT finding_key FROM ${name})`)
  }
  return statements
}
