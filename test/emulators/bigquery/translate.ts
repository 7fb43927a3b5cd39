/** GoogleSQL to DuckDB's SQL, by the places where the two differ; what is not known here is refused. */

import { cstVisitor, type Node, type Program, parse } from 'sql-parser-cst'
import { invalidQuery, notLearnt } from './answers.js'

export interface Scope {
  readonly project: string
  /** Variables of the script, in lower case, as DuckDB writes their values. */
  readonly variables: ReadonlyMap<string, string>
  /** `row_count`, `script.bytes_processed`, … */
  readonly system: ReadonlyMap<string, string>
  /** Those that the script has made, in upper case. */
  readonly functions?: ReadonlySet<string>
}

type Ranged = { readonly range?: [number, number] }
type Call = Extract<Node, { type: 'func_call' }>

/** @throws Refusal for what an independent parser of the dialect does not take */
export function parsed(sql: string): Program {
  try {
    return parse(sql, { dialect: 'bigquery', includeRange: true, paramTypes: ['@name'] })
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const [, line = '1', column = '1'] = /--> undefined:(\d+):(\d+)/.exec(message) ?? []
    throw invalidQuery(`Syntax error: ${message.split('\n')[0]} at [${line}:${column}]`)
  }
}

/** What a day is where a statement names no time zone: a project may have any. */
const PROJECT_TIME_ZONE = "'Pacific/Auckland'"

/** Functions that mean the same under another name, or the same one. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  ANY_VALUE: 'any_value',
  AVG: 'avg',
  BYTE_LENGTH: 'strlen',
  COALESCE: 'coalesce',
  CONCAT: 'concat',
  COUNT: 'count',
  COUNTIF: 'count_if',
  FLOOR: 'floor',
  IF: 'if',
  LAG: 'lag',
  LEAD: 'lead',
  LENGTH: 'length',
  LOWER: 'lower',
  MAX: 'max',
  MAX_BY: 'max_by',
  MIN: 'min',
  MOD: 'mod',
  NULLIF: 'nullif',
  POW: 'pow',
  ROUND: 'round',
  ROW_NUMBER: 'row_number',
  SPLIT: 'string_split',
  SUBSTR: 'substr',
  SUM: 'sum',
  TO_JSON: 'to_json',
  UNIX_MICROS: 'epoch_us',
}

export const PARTITIONS = /\bINFORMATION_SCHEMA`?\.`?PARTITIONS\b/i

export const textOf = (sql: string, node: Ranged): string => sql.slice(node.range?.[0], node.range?.[1])

/** The part of `sql` that `root` is, for DuckDB. Parameters keep their names. */
export function translated(sql: string, root: Node, scope: Scope): string {
  const edits: { from: number; to: number; text: string }[] = []
  const edit = ({ range }: Ranged, text: string): void => {
    if (range !== undefined) edits.push({ from: range[0], to: range[1], text })
  }
  const inner = (node: Node): string => translated(sql, node, scope)

  const visit = cstVisitor({
    identifier: (node) => {
      const value = scope.variables.get(node.name.toLowerCase())
      if (value !== undefined) edit(node, value)
      else if (node.text.startsWith('`'))
        edit(
          node,
          node.name
            .split('.')
            .map(quoted)
            .join('.')
            .replace(`${quoted(scope.project)}.`, ''),
        )
    },
    member_expr: (node) => {
      const { object, property } = node
      if (PARTITIONS.test(textOf(sql, node))) return edit(node, 'bq_partitions')
      if (object.type === 'variable') edit(node, systemValue(scope, `${object.name}.${textOf(sql, property)}`))
      if (object.type === 'identifier' && object.name === scope.project) {
        edit({ range: [object.range?.[0] ?? 0, property.range?.[0] ?? 0] }, '')
      }
    },
    variable: (node) => {
      if (node.name !== 'script') edit(node, systemValue(scope, node.name))
    },
    parameter: (node) => edit(node, `$${node.text.slice(1)}`),
    string_literal: (node) => edit(node, `'${String(node.value).replaceAll("'", "''")}'`),
    timestamp_literal: (node) => edit(node, `TIMESTAMPTZ '${node.string.value}'`),
    // Of integers only: 29 digits, which nothing here reaches, and no fraction.
    cast_arg: (node) => {
      if (!/^NUMERIC$/i.test(textOf(sql, node.dataType as Ranged))) return
      if (!/ AS INT64\)$/.test(textOf(sql, node.expr as Ranged)))
        throw notLearnt('a cast to NUMERIC of what is no integer')
      edit(node.dataType as Ranged, 'DECIMAL(38, 0)')
    },
    select_as_struct: (node) => edit(node, ''),
    func_call: (node) =>
      edit(node, `${call(node, scope, inner)}${node.over === undefined ? '' : ` ${inner(node.over)}`}`),
    array_subscript_specifier: (node) => {
      if (node.specifierKw.name !== 'SAFE_ORDINAL') throw notLearnt(node.specifierKw.name)
      edit(node, inner(node.args))
    },
    alias: (node) => {
      if (node.expr.type === 'unnest_expr') {
        const name = textOf(sql, node.alias as Ranged)
        edit(node, `${inner(node.expr as Node)} AS ${name}(${name})`)
      }
    },
  })
  visit(root)
  return apply(sql, root, edits)
}

/** Outer edits hold the inner ones already. */
function apply(sql: string, root: Ranged, edits: { from: number; to: number; text: string }[]): string {
  const [start, end] = root.range ?? [0, sql.length]
  edits.sort((a, b) => a.from - b.from || b.to - a.to)
  let text = ''
  let at = start
  for (const { from, to, text: replacement } of edits) {
    if (from < at) continue
    text += sql.slice(at, from) + replacement
    at = to
  }
  return text + sql.slice(at, end)
}

function call(node: Call, scope: Scope, inner: (node: Node) => string): string {
  const { safe, name } = nameOf(node)
  const args = node.args?.expr.args?.items ?? []
  const given = args.map((arg) => inner(arg as Node))
  const distinct = node.args?.expr.distinctKw === undefined ? '' : 'DISTINCT '
  switch (name) {
    case 'CURRENT_TIMESTAMP':
      return 'now()'
    case 'DATE':
      return `CAST(${given[0]} AT TIME ZONE ${given[1] ?? PROJECT_TIME_ZONE} AS DATE)`
    case 'FORMAT_TIMESTAMP': {
      if (given[0] !== "'%E4Y-%m-%d %H:%M:%E6S'") throw notLearnt(`FORMAT_TIMESTAMP with ${given[0]}`)
      return `strftime(${given[1]} AT TIME ZONE ${given[2] ?? PROJECT_TIME_ZONE}, '%Y-%m-%d %H:%M:%S.%f')`
    }
    case 'JSON_TYPE': {
      const types = `'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean'`
      return `CASE json_type(${given[0]}) WHEN ${types} WHEN 'NULL' THEN 'null' ELSE 'number' END`
    }
    case 'JSON_VALUE':
      return `CASE WHEN json_type(${given[0]}) NOT IN ('OBJECT', 'ARRAY') THEN json_extract_string(${given[0]}, '$') END`
    // Null where nothing matches; the engine's own gives an empty text.
    case 'REGEXP_EXTRACT':
      return `nullif(regexp_extract(${given.join(', ')}), '')`
    case 'SHA256':
      return `unhex(sha256(${given[0]}))`
    case 'TO_HEX':
      return `lower(hex(${given[0]}))`
    case 'TO_JSON_STRING':
      return `CAST(${given[0]} AS VARCHAR)`
    case 'JSON_KEYS':
      return `json_keys(${given[0]})`
    case 'GENERATE_ARRAY':
      return `generate_series(${given.join(', ')})`
    case 'PARSE_JSON':
      if (given[1] !== undefined && !/'exact'/.test(given[1])) throw notLearnt(`PARSE_JSON with ${given[1]}`)
      return `CAST(${safe ? 'bq_safe_parse_json' : 'bq_parse_json'}(${given[0]}) AS JSON)`
    default:
      if (scope.functions?.has(name) && !safe) return `${quoted(name)}(${given.join(', ')})`
      if (FUNCTIONS[name] === undefined || safe) throw invalidQuery(`Function not found: ${name} at [1:1]`)
      return `${FUNCTIONS[name]}(${distinct}${given.join(', ')})`
  }
}

function nameOf({ name }: Call): { safe: boolean; name: string } {
  if (name.type === 'identifier') return { safe: false, name: name.name.toUpperCase() }
  if (name.type === 'member_expr' && name.object.type === 'identifier' && name.property.type === 'identifier') {
    if (name.object.name.toUpperCase() === 'SAFE') return { safe: true, name: name.property.name.toUpperCase() }
  }
  throw notLearnt('a function with such a name')
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

function systemValue({ system }: Scope, name: string): string {
  const value = system.get(name.toLowerCase())
  if (value === undefined) throw notLearnt(`@@${name}`)
  return value
}
