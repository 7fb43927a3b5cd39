/** PARSE_JSON as BigQuery documents it: https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#parse_json */

import { DuckDBScalarFunction, type DuckDBVector, VARCHAR } from '@duckdb/node-api'

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\],:]|true|false|null|\s+/gy
const DEEPEST = 500

/**
 * The text of the JSON value, keys sorted, of repeated keys the first, numbers as INT64, UINT64 or FLOAT64 hold them.
 *
 * @throws Error for what is no JSON, is too deep, or holds a number that would lose digits (`wide_number_mode => 'exact'`)
 */
export function parseJson(text: string): string {
  JSON.parse(text)
  const tokens = [...text.matchAll(TOKEN)].map(([token]) => token).filter((token) => token.trim() !== '')
  let depth = 0
  for (const token of tokens) {
    if ((token === '{' || token === '[') && ++depth > DEEPEST) throw new Error('JSON is too deep')
    if (token === '}' || token === ']') depth--
  }
  let at = 0
  return written(() => tokens[at++] ?? '')
}

/** The value that begins with `token`, and takes the tokens that belong to it. */
function written(next: () => string, token = next()): string {
  if (token === '{') {
    const members = new Map<string, string>()
    for (let key = next(); key !== '}'; key = next()) {
      if (key === ',') continue
      next() // the colon
      const [name, value] = [JSON.parse(key), written(next)]
      if (!members.has(name)) members.set(name, value)
    }
    const sorted = [...members].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
    return `{${sorted.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`
  }
  if (token === '[') {
    const items: string[] = []
    for (let item = next(); item !== ']'; item = next()) {
      if (item !== ',') items.push(written(next, item))
    }
    return `[${items.join(',')}]`
  }
  if (token.startsWith('"')) return JSON.stringify(JSON.parse(token))
  return /^[-\d]/.test(token) ? numberOf(token) : token
}

function numberOf(token: string): string {
  if (/^-?\d+$/.test(token)) {
    const integer = BigInt(token)
    if (BigInt.asIntN(64, integer) === integer || BigInt.asUintN(64, integer) === integer) return String(integer)
  }
  const double = Number(token)
  if (!Number.isFinite(double) || significant(String(double)) !== significant(token)) {
    throw new Error('the number cannot be kept exactly')
  }
  return String(double)
}

/** The digits of a number without sign, point, exponent and zeros at either end. */
const significant = (number: string): string =>
  number
    .replace(/^-|e.*$/gi, '')
    .replace('.', '')
    .replace(/^0+|0+$/g, '')

/** `bq_parse_json(text)`: fails; `bq_safe_parse_json(text)`: NULL instead. */
export function parseJsonFunctions(): DuckDBScalarFunction[] {
  return [
    { name: 'bq_parse_json', safe: false },
    { name: 'bq_safe_parse_json', safe: true },
  ].map(({ name, safe }) =>
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [VARCHAR],
      returnType: VARCHAR,
      mainFunction: (info, input, output) => {
        const texts = input.getColumnVector(0)
        for (let row = 0; row < input.rowCount; row++) {
          try {
            const text = texts.getItem(row)
            setText(output, row, text === null ? null : parseJson(String(text)))
          } catch (error) {
            setText(output, row, null)
            if (!safe) info.setError(error instanceof Error ? error.message : 'no JSON')
          }
        }
        output.flush()
      },
    }),
  )
}

const setText = (vector: DuckDBVector, row: number, text: string | null): void => vector.setItem(row, text as never)
