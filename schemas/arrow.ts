import { Bool, type DataType, Field, Int32, Int64, Schema, TimestampMicrosecond, Utf8 } from 'apache-arrow'
import type { FieldType, Table } from './tables.js'

const ARROW_TYPES: Readonly<Record<FieldType, () => DataType>> = {
  text: () => new Utf8(),
  integer: () => new Int32(),
  bigint: () => new Int64(),
  boolean: () => new Bool(),
  timestamp: () => new TimestampMicrosecond('UTC'),
  json: () => new Utf8(),
}

/** The Arrow schema of a table: fields in column order, each with `meaning` and `class` as metadata. */
export function arrowSchema(table: Table): Schema {
  const fields = table.columns.map(
    (column) =>
      new Field(
        column.name,
        ARROW_TYPES[column.type](),
        !column.required,
        new Map([
          ['meaning', column.meaning],
          ['class', column.class],
        ]),
      ),
  )
  return new Schema(fields, new Map([['meaning', table.meaning]]))
}
