/** Our tables as the analyzer is told of them. */

import { BIGQUERY } from '../../../schemas/ddl.js'
import { TABLES } from '../../../schemas/tables.js'
import { STAGING_FIELDS } from '../../../sinks/bigquery/stage.js'
import { AUDIT_LOAD_COSTS } from '../../../sinks/bigquery/tables.js'

export interface Type {
  readonly typeKind: string
  readonly arrayType?: { readonly elementType: Type }
  readonly structType?: { readonly field: readonly { readonly fieldName: string; readonly fieldType: Type }[] }
}

interface Table {
  readonly name: string
  readonly column: readonly { readonly name: string; readonly type: Type }[]
}

interface Argument {
  readonly kind: string
  readonly type?: Type
}

interface Fun {
  readonly name: string
  readonly mode: string
  readonly takes: readonly Argument[]
  readonly gives: Argument
}

/** https://github.com/google/zetasql/blob/master/zetasql/proto/simple_catalog.proto, but for the functions. */
export interface Catalog {
  readonly name: string
  readonly table: readonly Table[]
  readonly catalog: readonly Catalog[]
  readonly constant: readonly object[]
  readonly functions: readonly Fun[]
  readonly namedType: readonly object[]
}

export interface Options {
  readonly queryParameters: readonly { readonly name: string; readonly type: Type }[]
  readonly systemVariables: readonly { readonly namePath: readonly string[]; readonly type: Type }[]
}

export const type = (name: string): Type => ({ typeKind: `TYPE_${name}` })

/** A variable of a script is a constant to each of its statements. */
export const declared = (name: string, of: Type): object => ({ namePath: [name], type: of, value: { int64Value: 0 } })

export const fixed = (argument: Type): Argument => ({ kind: 'ARG_TYPE_FIXED', type: argument })

const EMPTY: Omit<Catalog, 'name'> = { table: [], catalog: [], constant: [], functions: [], namedType: [] }

const ANY = { kind: 'ARG_TYPE_ANY_1' }
const TEXTS = { typeKind: 'TYPE_ARRAY', arrayType: { elementType: type('STRING') } }

/** What BigQuery documents, and this build of the analyzer does not have. */
const MISSING: Pick<Catalog, 'functions' | 'namedType'> = {
  functions: [
    // https://cloud.google.com/bigquery/docs/reference/standard-sql/aggregate_functions#max_by
    { name: 'max_by', mode: 'AGGREGATE', takes: [ANY, { kind: 'ARG_TYPE_ANY_2' }], gives: ANY },
    // https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#json_keys
    { name: 'json_keys', mode: 'SCALAR', takes: [fixed(type('JSON')), fixed(type('INT64'))], gives: fixed(TEXTS) },
  ],
  // https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#integer_type
  namedType: [{ name: 'BIGINT', type: type('INT64') }],
}

/** https://cloud.google.com/bigquery/docs/information-schema-partitions, as far as it is asked. */
const PARTITIONS: Table = {
  name: 'PARTITIONS',
  column: [
    { name: 'table_name', type: type('STRING') },
    { name: 'partition_id', type: type('STRING') },
    { name: 'total_rows', type: type('INT64') },
  ],
}

/** A dataset with all tables, and with one for staging; with the project before it and without. */
export function catalogOf(project: string, dataset: string, staging: string): Catalog {
  const ours = [...TABLES, AUDIT_LOAD_COSTS].map((table) => ({
    name: table.name,
    column: table.columns.map((column) => ({ name: column.name, type: type(BIGQUERY.types[column.type]) })),
  }))
  const column = STAGING_FIELDS.map((field) => ({ name: field.name ?? '', type: type(field.type ?? '') }))
  const schema = { ...EMPTY, name: 'INFORMATION_SCHEMA', table: [PARTITIONS] }
  const inDataset = { ...EMPTY, name: dataset, table: [...ours, { name: staging, column }], catalog: [schema] }
  return { ...EMPTY, ...MISSING, name: '', catalog: [{ ...EMPTY, name: project, catalog: [inDataset] }, inDataset] }
}

/** As the service takes it. */
export function wire({ functions, ...catalog }: Catalog): object {
  const customFunction = functions.map(({ name, mode, takes, gives }) => ({
    namePath: [name],
    group: 'BigQuery',
    mode,
    signature: [
      { argument: takes.map((each) => ({ ...each, numOccurrences: 1 })), returnType: { ...gives, numOccurrences: 1 } },
    ],
  }))
  return { ...catalog, catalog: catalog.catalog.map(wire), customFunction }
}
