/** PARSE_JSON as BigQuery documents it: https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#parse_json */

import { DuckDBScalarFunction, type DuckDBVector, VARCHAR } from '@duckdb/node-api'

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\],:]|true|false|null|\s+/gy
const DEEPEST = 500

/**
 * The text of the JSON value, keys sorted, numbers as INT64, UINT64 or FLOAT64 hold them.
 *
 * @throws Error for what is no JSON, is too deep, or holds a number that would lose digits (`wide_number_mode => 'exact'`)
 */
export function parseJson(text: string): string {
  JSON.parse(text)
  let depth = 0
  let deepest = 0
  const kept: string[] = []
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') deepest = Math.max(deepest, ++depth)
    if (token === '}' || token === ']') depth--
    // A mark before each text tells it from a number, which must not become a double of JavaScript's.
    if (/^[-\d]/.test(token)) kept.push(`"#${numberOf(token)}"`)
    else kept.push(token.replace(/^"/, '"='))
  }
  if (deepest > DEEPEST) throw new Error('JSON is too deep')
  return written(JSON.parse(kept.join('')))
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

function written(value: unknown): string {
  if (typeof value === 'string') return value.startsWith('#') ? value.slice(1) : JSON.stringify(value.slice(1))
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${JSON.stringify(key.slice(1))}:${written(member)}`).join(',')}}`
}

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
