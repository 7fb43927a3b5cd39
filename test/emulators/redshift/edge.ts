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

export type Translated = Copy | { readonly kind: 'sql'; readonly sql: string; readonly values: readonly string[] }

/** Strings, quoted names, comments; then what stands between them. */
const TOKENS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|[^'"]/g
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
  [/\bFILTER\s*\(/i, '('],
  [/\bLATERAL\b/i, 'LATERAL'],
  [/\bWHEN\s+MATCHED\s+AND\b/i, 'AND'],
  [/\bWHEN\s+NOT\s+MATCHED\s+AND\b/i, 'AND'],
  [/\bCREATE\s+(?:UNIQUE\s+)?INDEX\b/i, 'INDEX'],
  [/\b(?:BIG)?SERIAL\b/i, 'SERIAL'],
  [/\bJSONB?\b|->|#>/i, 'json'],
  [/\bARRAY\s*\[|\[\]/i, '['],
  [/\bFROM\s+(?:VALUES\b|\(\s*VALUES\b)/i, 'VALUES'],
]

/** Settings of a session that a statement may name. */
const SETTING = /^SET\s+(search_path|timezone|json_parse_dedup_attributes)\s+TO\s+([\s\S]+)$/i
const COPY =
  /^COPY\s+(\w+)\s+FROM\s+'s3:\/\/([^'/]+)\/([^']+)'\s+IAM_ROLE\s+(default|'arn:aws:iam::\d+:role\/[^']+')\s+FORMAT\s+(?:AS\s+)?PARQUET$/i
const UNPIVOT = /\bUNPIVOT\s+([\w."]+)\s+AS\s+(\w+)\s+AT\s+(\w+)/gi
/** A text becomes a string of SUPER's; PostgreSQL would parse it. */
const AS_SUPER = /\bCAST\(([\w."]+) AS SUPER\)/gi
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
  if (/^CREATE\s+(?:TEMP\s+)?TABLE\b/i.test(sql) || /^ALTER\s+TABLE\b/i.test(sql)) return plain(tableOf(sql))
  if (/^CREATE\b.*\bVIEW\b/i.test(sql)) return plain(viewOf(sql))
  return withParameters(sql.replace(UNPIVOT, unpivoted).replace(AS_SUPER, 'to_jsonb($1)'), parameters)
}

const plain = (sql: string): Translated => ({ kind: 'sql', sql, values: [] })

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

/** A view that is bound late must name its tables in full. */
function viewOf(sql: string): string {
  const late = /\s+WITH\s+NO\s+SCHEMA\s+BINDING$/i
  if (late.test(sql) && /\b(?:FROM|JOIN)\s+(?!\()"?\w+"?(?!"?\.|\w)/i.test(sql))
    throw new RedshiftError(
      'All the relation names inside should be qualified when creating VIEW WITH NO SCHEMA BINDING',
    )
  return sql.replace(late, '')
}

const unpivoted = (_: string, value: string, name: string, key: string): string =>
  `LATERAL jsonb_each(CASE WHEN jsonb_typeof(${value}) = 'object' THEN ${value} END) AS unpivoted_${name}(${key}, ${name})`

function withParameters(sql: string, parameters: ReadonlyMap<string, string>): Translated {
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
