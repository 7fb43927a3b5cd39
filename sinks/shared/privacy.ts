/** What a sink remembers of privacy, in SQL that all warehouses read alike. */

import { AUDIT_LOADS, AUDIT_PRIVACY } from '../../schemas/tables.js'
import type { PrivacyRecord, Remembered } from '../../src/contract.js'
import { quotedString } from '../../src/duckdb/quoting.js'

const LOAD = 'load'

/** Of tables that an earlier version made: whatever is there was loaded without privacy. */
export const UNKNOWN_YET: Remembered = { records: [], hasLoads: true }

/** How a warehouse writes our own words; records are made of them and of hex digits only. */
export interface PrivacyForms {
  /** A table's quoted name. */
  table(name: string): string
  literal(text: string): string
  /** Expression for the present instant. */
  readonly now: string
}

/** privacy_id, kind and value of each record, and a row of kind `load` if there was a load. */
export const rememberedQuery = ({
  table,
  literal,
}: Omit<PrivacyForms, 'now'>): string => `SELECT privacy_id, kind, value
FROM ${table(AUDIT_PRIVACY.name)}
UNION ALL
SELECT load_id, ${literal(LOAD)}, ${literal('')} FROM (SELECT load_id FROM ${table(AUDIT_LOADS.name)} LIMIT 1) AS one`

/** @param rows of `rememberedQuery` */
export function rememberedOf(rows: readonly (readonly unknown[])[]): Remembered {
  const records = rows.filter(([, kind]) => kind !== LOAD)
  return {
    records: records.map(([id, kind, value]) => ({
      privacy_id: String(id),
      // An unknown kind counts as rules, and unknown rules refuse every load.
      kind: kind === 'erased' ? 'erased' : 'rules',
      value: String(value),
    })),
    hasLoads: records.length < rows.length,
  }
}

/** A relation of DuckDB with records as rows of audit_privacy, made now. */
export function privacyRows(records: readonly PrivacyRecord[]): string {
  const rows = records.map(
    ({ privacy_id, kind, value }) => `(${[privacy_id, kind, value].map(quotedString).join(', ')}, now())`,
  )
  return `(VALUES ${rows.join(', ')}) AS records (privacy_id, kind, value, made_at)`
}

/** Inserts the records whose id is new. */
export function rememberStatement({ table, literal, now }: PrivacyForms, records: readonly PrivacyRecord[]): string {
  const name = table(AUDIT_PRIVACY.name)
  const rows = records.map(
    (record) =>
      `SELECT ${literal(record.privacy_id)} AS privacy_id, ${literal(record.kind)} AS kind, ${literal(record.value)} AS value`,
  )
  return `INSERT INTO ${name} (privacy_id, kind, value, made_at)
SELECT r.privacy_id, r.kind, r.value, ${now} FROM (
  ${rows.join('\n  UNION ALL ')}
) AS r
WHERE r.privacy_id NOT IN (SELECT privacy_id FROM ${name})`
}
