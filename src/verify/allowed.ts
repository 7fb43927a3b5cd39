/** Whether a sink's `extra` may be what it is, in the engine's SQL. */

import { BOOLEAN, type DuckDBConnection, type DuckDBDataChunk, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api'
import { canonicalMembers, type JsonKept, type Reading } from './canonical.js'

/** Between several objects' texts, which have no line end. */
export const BETWEEN = '\n'

export const EXTRA_ALLOWED = 'extra_allowed'

/**
 * Whether the object has the keys of the expected one, and each value is that of the expected one or of another reading.
 *
 * @param held   the text of an object; empty if there is none, and so for the others
 * @param others the texts of other readings of the event, BETWEEN each other
 */
export function extraAllowed(held: string, expected: string, others: string, kept: JsonKept): boolean {
  if (held === expected) return true
  if (held === '' || expected === '') return false
  const readings = others === '' ? [] : others.split(BETWEEN)
  // An object that a sink cannot parse is kept there as a text.
  if (kept !== 'text' && held.startsWith('"')) return [expected, ...readings].includes(textIn(held))
  const found = membersOf(held, { kept, repeated: 'all' })
  if (found === null) return false
  // Which of two equal keys counts depends on the sink.
  const ways = kept === 'text' ? (['all'] as const) : (['first', 'last'] as const)
  return ways.some((repeated) => {
    const wanted = membersOf(expected, { kept, repeated })
    const all = readings.map((text) => membersOf(text, { kept, repeated }))
    return (
      wanted?.size === found.size &&
      [...found].every(
        ([key, value]) => wanted.has(key) && [wanted, ...all].some((reading) => reading?.get(key) === value),
      )
    )
  })
}

function membersOf(json: string, reading: Reading): ReadonlyMap<string, string> | null {
  try {
    return canonicalMembers(json, reading)
  } catch {
    return null
  }
}

function textIn(json: string): string {
  try {
    return String(JSON.parse(json))
  } catch {
    return ''
  }
}

export function registerExtraAllowed(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: EXTRA_ALLOWED,
      parameterTypes: [VARCHAR, VARCHAR, VARCHAR, VARCHAR],
      returnType: BOOLEAN,
      mainFunction: (_info, input: DuckDBDataChunk, output) => {
        const columns = [0, 1, 2, 3].map((i) => input.getColumnVector(i))
        for (let row = 0; row < input.rowCount; row++) {
          const [held = '', expected = '', others = '', kept] = columns.map((column) => String(column.getItem(row)))
          output.setItem(row, extraAllowed(held, expected, others, kept as JsonKept))
        }
        output.flush()
      },
    }),
  )
}
