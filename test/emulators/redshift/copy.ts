/** COPY … FORMAT AS PARQUET: columns by position, types checked. https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html */

import type { PGlite } from '@electric-sql/pglite'
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet'
import type { Copy } from './edge.js'
import { withMark } from './marks.js'
import { RedshiftError } from './refusals.js'

/** As drivers show them; the column stands on a line of its own. */
const scanError = (code: number, context: string): string => `Spectrum Scan Error
  DETAIL:
  -----------------------------------------------
  error:  Spectrum Scan Error
  code:      ${code}
  context:   ${context}
  query:     50511242
  location:  dory_util.cpp:1450
  process:   worker_thread [pid=12646]
  -----------------------------------------------`

export interface ObjectReader {
  /** Keys of a bucket that begin so. */
  list(bucket: string, prefix: string): Promise<readonly string[]>
  read(bucket: string, key: string): Promise<Uint8Array>
}

export interface CopyOptions {
  /** What COPY reads with. */
  readonly objects: ObjectReader
  /** Roles that COPY may take. */
  readonly roles: readonly string[]
}

/** What a column of each of PostgreSQL's types takes from Parquet; no instants with a zone. */
const TAKEN: Readonly<Record<string, RegExp>> = {
  'character varying': /^BYTE_ARRAY UTF8$/,
  integer: /^INT32 (?:INT_32)?$/,
  bigint: /^INT64 (?:INT_64)?$/,
  boolean: /^BOOLEAN $/,
}
const ROWS_AT_ONCE = 500

/** Texts with a U+FEFF at their beginning keep it. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const parsers = { stringFromBytes: (bytes: Uint8Array) => bytes && decoder.decode(bytes) }

/** @returns the number of rows */
export async function copyFrom(pg: PGlite, copy: Copy, { objects, roles }: CopyOptions): Promise<number> {
  if (!roles.includes(copy.role)) {
    throw new RedshiftError(
      `User arn:aws:redshift:us-east-1:123456789012:dbuser:main/audit is not authorized to assume IAM Role ${copy.role}`,
    )
  }
  const keys = await objects.list(copy.bucket, copy.prefix).catch((error: Error) => {
    throw new RedshiftError(`S3ServiceException:${error.message},Status 403,Error AccessDenied`)
  })
  if (keys.length === 0) throw new RedshiftError(`The specified S3 prefix '${copy.prefix}' does not exist`)
  const columns = await columnsOf(pg, copy.table)
  let count = 0
  for (const key of keys) count += await copyFile(pg, copy, columns, await objects.read(copy.bucket, key))
  return count
}

interface TableColumn {
  readonly name: string
  readonly type: string
  readonly bytes: number | null
}

async function columnsOf(pg: PGlite, table: string): Promise<TableColumn[]> {
  const { rows } = await pg.query<TableColumn>(
    `SELECT column_name AS name, data_type AS type, character_maximum_length AS bytes FROM information_schema.columns
     WHERE table_name = $1 AND table_schema LIKE 'pg_temp%' ORDER BY ordinal_position`,
    [table],
  )
  if (rows.length === 0) throw new RedshiftError(`relation "${table}" does not exist`)
  return rows
}

async function copyFile(
  pg: PGlite,
  { table, bucket, prefix }: Copy,
  columns: readonly TableColumn[],
  bytes: Uint8Array,
): Promise<number> {
  const url = `https://s3.us-east-1.amazonaws.com/${bucket}/${prefix}`
  const file = new Uint8Array(bytes).buffer
  const metadata = parquetMetadata(file)
  const fields = parquetSchema(metadata).children.map(({ element }) => element)
  if (fields.length !== columns.length) {
    throw new RedshiftError(
      scanError(
        15007,
        `Unmatched number of columns between table and file. Table columns: ${columns.length}, Data columns: ${fields.length}, File name: ${url}`,
      ),
    )
  }
  for (const [i, { name, type }] of columns.entries()) {
    const found = `${fields[i]?.type ?? 'GROUP'} ${fields[i]?.converted_type ?? ''}`
    if (TAKEN[type]?.test(found) !== true) {
      throw new RedshiftError(
        scanError(
          15007,
          `File '${url}' has an incompatible Parquet schema for column '${url}.${name}'. Column type: ${type}, Parquet schema:\noptional ${found} ${name}`,
        ),
      )
    }
  }
  const codecs = metadata.row_groups.flatMap((group) => group.columns.map((column) => column.meta_data?.codec))
  // Of Parquet no list is documented; this is what Redshift's own UNLOAD writes.
  if (codecs.some((codec) => codec !== 'SNAPPY'))
    throw new RedshiftError(scanError(15001, `File '${url}' has a compression that is not known here`))
  const rows = await parquetReadObjects({ file, metadata, parsers })
  const names = fields.map((field) => field?.name ?? '')
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE)
    await insert(
      pg,
      table,
      columns,
      rows.slice(at, at + ROWS_AT_ONCE).map((row) => names.map((name) => row[name] ?? null)),
    )
  return rows.length
}

async function insert(
  pg: PGlite,
  table: string,
  columns: readonly TableColumn[],
  rows: readonly (readonly unknown[])[],
): Promise<void> {
  const places = rows.map((_, row) => `(${columns.map((_column, i) => `$${row * columns.length + i + 1}`).join(', ')})`)
  const values = rows.flatMap((row) => row.map((value, i) => checked(value, columns[i] as TableColumn)))
  await pg.query(`INSERT INTO ${table} VALUES ${places.join(', ')}`, values)
}

function checked(value: unknown, { name, bytes }: TableColumn): unknown {
  if (typeof value !== 'string') return value
  if (value.includes('\0'))
    throw new RedshiftError(`String contains invalid or unsupported UTF8 codepoints in column '${name}': 0x00`)
  if (bytes !== null && Buffer.byteLength(value) > bytes) {
    throw new RedshiftError(
      scanError(
        15001,
        `The length of the data column ${name} is longer than the length defined in the table. Table: ${bytes}, Data: ${Buffer.byteLength(value)}, File name: https://s3`,
      ),
    )
  }
  return withMark(value)
}
