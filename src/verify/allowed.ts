/** Whether a sink's `extra` may be what it is, in the engine's SQL. */

import { BOOLEAN, type DuckDBConnection, type DuckDBDataChunk, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api'
import { members, reordered } from '../transform/extras.js'

/** Between several objects' texts, which have no line end. */
export const BETWEEN = '\n'

export const EXTRA_ALLOWED = 'extra_allowed'

/**
 * Whether the object has the keys of the expected one, and each value is that of the expected one or of another document. Keys
 * of objects may be in any order.
 *
 * @param held     the text of an object; empty if there is none, and so for the others
 * @param others the texts of other readings of the event, BETWEEN each other
 */
export function extraAllowed(held: string, expected: string, others: string): boolean {
  // What is no object, or has a key twice, has fewer values than it seems to.
  if ((held === '') !== (expected === '') || members(held).length !== valuesOf(held).size) return false
  const [found, wanted] = [valuesOf(held), valuesOf(expected)]
  if (found.size !== wanted.size) return false
  const readings = others === '' ? [] : others.split(BETWEEN).map(valuesOf)
  return [...found].every(
    ([key, value]) =>
      wanted.has(key) && (wanted.get(key) === value || readings.some((reading) => reading.get(key) === value)),
  )
}

const valuesOf = (object: string): ReadonlyMap<string, string> =>
  new Map(members(object).map(([key, value]) => [key, reordered(value)]))

export function registerExtraAllowed(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: EXTRA_ALLOWED,
      parameterTypes: [VARCHAR, VARCHAR, VARCHAR],
      returnType: BOOLEAN,
      mainFunction: (_info, input: DuckDBDataChunk, output) => {
        const [held, expected, others] = [0, 1, 2].map((i) => input.getColumnVector(i))
        for (let row = 0; row < input.rowCount; row++) {
          const [a, b, c] = [held, expected, others].map((column) => String(column?.getItem(row) ?? ''))
          output.setItem(row, extraAllowed(a ?? '', b ?? '', c ?? ''))
        }
        output.flush()
      },
    }),
  )
}
