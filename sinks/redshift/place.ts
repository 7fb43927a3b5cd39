/** Where the tables stand, and what the statements of this sink have in common. */

import { REDSHIFT } from '../../schemas/ddl.js'
import type { Column, Table } from '../../schemas/tables.js'

export interface Place {
  readonly schema: string
  /** Stands before the name of every table. */
  readonly prefix: string
}

export const quote = REDSHIFT.quote

/** For text and names of ours; values of records come from Parquet files. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** A table's full name, as statements have it. */
export const tableOf = ({ schema, prefix }: Place, { name }: Pick<Table, 'name'>): string =>
  `${quote(schema)}.${quote(prefix + name)}`

export const columnsOf = (table: Table): string => table.columns.map(({ name }) => quote(name)).join(', ')

/** An instant as a constant, so that blocks of other days need not be read. @param micros since 1970 UTC */
export function instant(micros: bigint): string {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n)
  const [date = '', time = ''] = new Date(Number(seconds) * 1000).toISOString().split(/[TZ.]/)
  const fraction = String(micros - seconds * 1_000_000n).padStart(6, '0')
  return `CAST('${date} ${time}.${fraction}+00' AS TIMESTAMPTZ)`
}

/** What no row of Redshift's holds: the exact text of an extra that is long, or has keys that SUPER may refuse. */
export const AUDIT_PARTS: Table = {
  name: 'audit_parts',
  meaning: 'The texts of long extras, in parts: a row of Redshift could not give them back.',
  key: ['id', 'part'],
  columns: [
    part('id', 'text', 'SHA-256 of the whole text, as in _exact_parts of an extra.'),
    part('part', 'integer', 'Its place, counted from 1.'),
    part('text', 'text', 'The text, at most 15,000 characters of it.'),
  ],
}

function part(name: string, type: Column['type'], meaning: string): Column {
  return { name, type, required: true, class: 'content', meaning }
}
