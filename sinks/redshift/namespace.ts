/** The place of the tables, and what the statements of this sink have in common. */

import { REDSHIFT } from '../../schemas/ddl.js'
import type { Column, Table } from '../../schemas/tables.js'

export interface Namespace {
  readonly schema: string
  /** Precedes the name of every table. */
  readonly prefix: string
}

export const quote = REDSHIFT.quote

/**
 * For our own text and names; values of records come from Parquet files. A backslash escapes the next character, as in the
 * PostgreSQL version that Redshift derives from.
 */
export const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

export const digest = (text: string): string => `SHA2(${text}, 256)`

/**
 * Condition: two texts are equal to the last byte. `=` ignores trailing blanks, and also case in a database with COLLATE
 * CASE_INSENSITIVE. https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
 */
export const same = (one: string, other: string): string => `${one} = ${other} AND ${digest(one)} = ${digest(other)}`
export const differ = (one: string, other: string): string =>
  `(${one} <> ${other} OR ${digest(one)} <> ${digest(other)})`

/** A table's full name in statements. */
export const tableOf = ({ schema, prefix }: Namespace, { name }: Pick<Table, 'name'>): string =>
  `${quote(schema)}.${quote(prefix + name)}`

export const columnsOf = (table: Table): string => table.columns.map(({ name }) => quote(name)).join(', ')

/** An instant as a constant, so that blocks of other days are skipped. @param micros since 1970 UTC */
export function instant(micros: bigint): string {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n)
  const [date = '', time = ''] = new Date(Number(seconds) * 1000).toISOString().split(/[TZ.]/)
  const fraction = String(micros - seconds * 1_000_000n).padStart(6, '0')
  return `CAST('${date} ${time}.${fraction}+00' AS TIMESTAMPTZ)`
}

/** Texts that no row of Redshift holds: the exact text of an extra that is long, or has keys that SUPER may refuse. */
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

/**
 * Has one row, which every writing transaction updates after it has locked the table. So two of them conflict even if the
 * snapshot of the second is older than its lock. Nobody reads this table, so no reader blocks a load.
 */
export const AUDIT_LOCK: Table = {
  name: 'audit_lock',
  meaning:
    'One row that loads lock and change, so that they take turns; do not read it within a transaction that stays open.',
  key: ['load_id'],
  columns: [part('load_id', 'text', 'The batch that held the lock last.')],
}

/** Begins a transaction: waits for other writers, and conflicts with any whose changes it may not see. */
export const takeTurn = (place: Namespace, loadId: string): string[] => [
  `LOCK ${tableOf(place, AUDIT_LOCK)}`,
  `UPDATE ${tableOf(place, AUDIT_LOCK)} SET "load_id" = ${literal(loadId)}`,
]

function part(name: string, type: Column['type'], meaning: string): Column {
  return { name, type, required: true, class: 'content', meaning }
}
