/** Where Redshift's SQL and PostgreSQL's differ: translated, refused, or done elsewhere. */

import { RedshiftError, syntaxError } from './refusals.js'

export interface Copy {
  readonly kind: 'copy'
  readonly table: string
  readonly bucket: string
  readonly prefix: string
  /** `default`, or an ARN. */
  readonly role: string
}

export interface Sql {
  readonly kind: 'sql'
  readonly sql: string
  readonly values: readonly string[]
  /** The temporary table it makes of a SELECT. */
  readonly created?: string
}

export type Translated = Copy | Sql

/** Strings, in which a backslash escapes, quoted names, comments; then what stands between them. */
const TOKENS = /'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|[^'"]/g
const QUOTED = /^['"]|^--|^\/\*/

/** PostgreSQL would take these; Redshift does not know them. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  // Names of ours that Redshift reserves: they stand in quotes.
  [/\bRAW\b/i, 'raw'],
  [/(?<!\bAS\s)\bTIMESTAMP\b(?!\s*')/i, 'timestamp'],
  [/\bON\s+CONFLICT\b/i, 'ON'],
  [/\bADD\s+COLUMN\s+IF\b/i, 'NOT'],
  [/\bRETURNING\b/i, 'RETURNING'],
  [/\bDISTINCT\s+ON\b/i, 'ON'],
  [/\bIS\s+(?:NOT\s+)?DISTINCT\s+FROM\b/i, 'FROM'],
  [/\bSTRING_AGG\s*\(/i, 'STRING_AGG'],
  [/\bFILTER\s*\(/i, '('],
  [/\bLATERAL\b/i, 'LATERAL'],
  [/\bWHEN\s+MATCHED\s+AND\b/i, 'AND'],
  [/\bWHEN\s+NOT\s+MATCHED\s+AND\b/i, 'AND'],
  [/\bCREATE\s+(?:UNIQUE\s+)?INDEX\b/i, 'INDEX'],
  [/\b(?:BIG)?SERIAL\b/i, 'SERIAL'],
  [/\bJSONB?\b|->|#>/i, 'json'],
  [/\bARRAY\s*\[|\[\]/i, '['],
  // "DELETE [ FROM ] table_name [ { USING } table_name, … ]", without an alias.
  [/^\s*DELETE\s+FROM\s+[\w".]*\s+(?:AS\b|USING\s+\w+\s+(?:AS\b|(?!WHERE\b)\w))/i, 'AS'],
  [/\bFROM\s+(?:VALUES\b|\(\s*VALUES\b)/i, 'VALUES'],
]

/** Settings of a session that a statement may name. */
const SETTING = /^SET\s+(search_path|timezone|json_parse_dedup_attributes)\s+TO\s+([\s\S]+)$/i
const COPY =
  /^COPY\s+(\w+)\s+FROM\s+'s3:\/\/([^'/]+)\/([^']+)'\s+IAM_ROLE\s+(default|'arn:aws:iam::\d+:role\/[^']+')\s+FORMAT\s+(?:AS\s+)?PARQUET(?:\s+STATUPDATE\s+(?:ON|OFF))?$/i
const UNPIVOT = /\bUNPIVOT\s+([\w."]+)\s+AS\s+(\w+)\s+AT\s+(\w+)/gi
/** A text becomes a string of SUPER's; PostgreSQL would parse it. */
const AS_SUPER = /\bCAST\(([\w."]+|CAST\(\w+ AS VARCHAR\)) AS SUPER\)/gi
/** PostgreSQL has a function of this name, for other values. */
const SERIALIZED = /\bJSON_SERIALIZE\(/gi
/** DATEADD(day, n, instant), DATEDIFF(microsecond, …): PostgreSQL would take the part of an instant for a column. */
const DATEADD = /\b(DATEADD|DATEDIFF)\((\w+),/gi
/** A path into a SUPER column; what is not there is null. */
const PATH = /\b(\w+\."\w+")\.(\w+)/g
const LISTAGG = /\bLISTAGG\(/i
const LISTAGG_ORDER = /^\s*WITHIN GROUP \(ORDER BY ([\w.", ]+)\)/i
const NEW_TEMP_TABLE = /^CREATE\s+TEMP\s+TABLE\s+(\w+)\s+AS\b/i
const TABLE_LAYOUT = /\)\s*DISTSTYLE\s+(?:AUTO|EVEN|ALL)(?:\s+SORTKEY\s*\(("?\w+"?)\))?$/i
const VARCHAR = /("\w+"|\b\w+) VARCHAR\((\d+)\)/g

export function translated(text: string, parameters: ReadonlyMap<string, string>): Translated {
  const sql = text.trim()
  const bare = unquoted(sql)
  if (bare.includes(';')) throw new RedshiftError('cannot insert multiple commands into a prepared statement')
  for (const [sign, near] of REFUSED) if (sign.test(bare)) throw syntaxError(near)
  if (/^MERGE\b/i.test(bare) && !(/\bWHEN\s+MATCHED\b/i.test(bare) && /\bWHEN\s+NOT\s+MATCHED\b/i.test(bare)))
    throw syntaxError('WHEN')
  if (/^COPY\b/i.test(sql)) return copyOf(sql)
  if (/^SET\b/i.test(sql)) return plain(setting(sql))
  // "Left, right, and full outer joins are not supported in the FROM clause of an UPDATE statement."
  if (/^UPDATE\b.*\b(?:LEFT|RIGHT|FULL)\b/is.test(bare))
    throw new RedshiftError('Target table must be part of an equijoin predicate')
  // "You can't use the SUPER data type and its alias in right joins or full outer joins."
  if (/\b(?:RIGHT|FULL)\s+(?:OUTER\s+)?JOIN\b/i.test(bare))
    throw new RedshiftError('Joins of this kind are not known here')
  // What planners make of SUPER in outer joins is documented in part only: nothing that writes may depend on it.
  if (!/^SELECT\b/i.test(bare.trim()) && /\bLEFT\b/i.test(bare) && /"extra"|\bJSON_(?:SERIALIZE|PARSE)\(/i.test(sql))
    throw new RedshiftError('SUPER values in outer joins are not known here')
  const created = NEW_TEMP_TABLE.exec(sql)?.[1]
  if (created === undefined && (/^CREATE\s+(?:TEMP\s+)?TABLE\b/i.test(sql) || /^ALTER\s+TABLE\b/i.test(sql)))
    return plain(tableOf(sql))
  if (/^CREATE\b.*\bVIEW\b/i.test(sql)) return plain(ownForms(viewOf(sql)))
  if (/^CREATE\s+USER\b/i.test(sql)) return plain(sql.replace(/\bPASSWORD\s+DISABLE\b/i, 'PASSWORD NULL'))
  const statement = withParameters(ownForms(sql), parameters)
  return created === undefined ? statement : { ...statement, created }
}

const ownForms = (sql: string): string =>
  listed(sql.replace(UNPIVOT, unpivoted).replace(AS_SUPER, 'to_jsonb($1)').replace(PATH, "($1 -> '$2')"))
    .replace(SERIALIZED, 'super_text(')
    .replace(DATEADD, "$1('$2',")

/** LISTAGG(text, separator) WITHIN GROUP (ORDER BY …) as an aggregate of PostgreSQL. */
function listed(sql: string): string {
  const start = LISTAGG.exec(sql)
  if (start === null) return sql
  const open = start.index + start[0].length
  let depth = 1
  let close = open
  for (; depth > 0 && close < sql.length; close++) depth += sql[close] === '(' ? 1 : sql[close] === ')' ? -1 : 0
  const after = sql.slice(close)
  const order = LISTAGG_ORDER.exec(after)
  if (order === null) throw syntaxError('LISTAGG')
  const list = `redshift_listagg(${sql.slice(open, close - 1)} ORDER BY ${order[1]})`
  return `${sql.slice(0, start.index)}${list}${listed(after.slice(order[0].length))}`
}

const plain = (sql: string): Sql => ({ kind: 'sql', sql, values: [] })

const unquoted = (sql: string): string =>
  (sql.match(TOKENS) ?? []).map((token) => (QUOTED.test(token) ? ' ' : token)).join('')

function copyOf(sql: string): Copy {
  const [, table = '', bucket = '', prefix = '', role = ''] = COPY.exec(sql) ?? []
  if (table === '') throw syntaxError('COPY')
  return { kind: 'copy', table, bucket, prefix, role: role.replaceAll("'", '') }
}

function setting(sql: string): string {
  const [, name = '', value = ''] = SETTING.exec(sql) ?? []
  if (name === '') throw new RedshiftError('unrecognized configuration parameter')
  const own = name.toLowerCase() === 'json_parse_dedup_attributes'
  return `SET LOCAL ${own ? `redshift.${name}` : name} TO ${value}`
}

/** How a table is laid out is checked and dropped; a VARCHAR's length is in bytes. */
function tableOf(sql: string): string {
  const layout = TABLE_LAYOUT.exec(sql)
  const column = layout?.[1]?.replaceAll('"', '')
  if (column !== undefined && !new RegExp(`"?\\b${column}\\b"? \\w`).test(sql))
    throw new RedshiftError(`column "${column}" named in key does not exist`)
  const columns = layout === null ? sql : `${sql.slice(0, layout.index)})`
  return columns.replace(VARCHAR, (whole, name: string, bytes: string) => {
    if (Number(bytes) > 65_535) throw new RedshiftError('length for type varchar cannot exceed 65535')
    return `${whole} CHECK (octet_length(${name}) <= ${bytes})`
  })
}

/** A view that is bound late must name its tables in full; what it defines itself by WITH, it names as it likes. */
function viewOf(sql: string): string {
  const late = /\s+WITH\s+NO\s+SCHEMA\s+BINDING$/i
  const ownNames = new Set([...sql.matchAll(/\b(\w+) AS \(\s*SELECT\b/gi)].map(([, name = '']) => name))
  const bare = [...sql.replaceAll(/--[^\n]*/g, '').matchAll(/\b(?:FROM|JOIN)\s+(?!\()"?(\w+)"?(?!"?\.|\w)/gi)].map(
    ([, name = '']) => name,
  )
  if (late.test(sql) && bare.some((name) => !ownNames.has(name)))
    throw new RedshiftError(
      'All the relation names inside should be qualified when creating VIEW WITH NO SCHEMA BINDING',
    )
  return sql.replace(late, '')
}

const unpivoted = (_: string, value: string, name: string, key: string): string =>
  `LATERAL redshift_members(${value}) AS unpivoted_${name}(${key}, ${name})`

function withParameters(sql: string, parameters: ReadonlyMap<string, string>): Sql {
  const names = [...parameters.keys()]
  const used: string[] = []
  const replaced = (sql.match(TOKENS) ?? [])
    .reduce<string[]>((parts, token) => {
      const last = parts.at(-1)
      if (QUOTED.test(token) || last === undefined || QUOTED.test(last)) parts.push(token)
      else parts[parts.length - 1] = last + token
      return parts
    }, [])
    .map((part) =>
      QUOTED.test(part)
        ? part
        : part.replace(/(?<![:\w]):([a-z_]\w*)/gi, (_whole, name: string) => {
            if (!names.includes(name)) throw new RedshiftError(`Parameters list is missing ${name}`)
            if (!used.includes(name)) used.push(name)
            return `$${used.indexOf(name) + 1}`
          }),
    )
    .join('')
  return { kind: 'sql', sql: replaced, values: used.map((name) => parameters.get(name) ?? '') }
}
