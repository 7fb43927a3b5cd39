/**
 * Compares and merges two readings of one event's `extra`. In TypeScript, because the engine's own JSON functions do not
 * keep all digits of a number.
 */

import {
  BOOLEAN,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBVector,
  VARCHAR,
} from '@duckdb/node-api'
import { objectOf } from './members.js'
import { scan } from './scan.js'

export interface Merged {
  /** All members of the kept object, and those members of the other whose keys it lacks. */
  readonly object: string
  /** Whether the other one added a key. */
  readonly grew: boolean
  /** Whether some key has a different value in each. */
  readonly contradicts: boolean
}

/** The keys of an object and their values' text. A merged object may have more keys than a single line may. */
export function members(json: string): readonly (readonly [key: string, value: string])[] {
  const scanned = scan(Buffer.from(json), Number.POSITIVE_INFINITY)
  return 'problem' in scanned ? [] : (scanned.members ?? []).map(({ key, value }) => [key, value])
}

/**
 * Where a string ends: the index after its closing quote. A loop, because a regular expression needs stack for each
 * character, and a string may have megabytes.
 *
 * @param json valid
 * @param start the index of its opening quote
 */
export function stringEnd(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at + 1
}

/** Merges two JSON objects, given as text; where both have a key, the value of `kept` stays. */
export function mergeExtras(kept: string, other: string): Merged {
  if (kept === other) return { object: kept, grew: false, contradicts: false }
  const all = new Map(members(kept))
  const before = all.size
  let contradicts = false
  for (const [key, value] of members(other)) {
    const known = all.get(key)
    if (known === undefined) all.set(key, value)
    else contradicts ||= known !== value && reordered(known) !== reordered(value)
  }
  const grew = all.size > before
  return { object: grew ? objectOf(all) : kept, grew, contradicts }
}

/** A value with its object's keys sorted, because some warehouses return them in another order. */
export function reordered(json: string): string {
  return json.startsWith('{') ? objectOf(members(json).map(([key, value]) => [key, reordered(value)])) : json
}

/** The SQL names of the functions that a connection needs to merge events; they take the text of two objects. */
export const EXTRA_FUNCTIONS = {
  merged: 'merged_extra',
  grows: 'extra_grows',
  contradicts: 'extra_contradicts',
  /** Takes one object and returns its text with the keys sorted. */
  sorted: 'extra_sorted',
} as const

/** The registered functions return NULL when an argument is NULL. */
export function registerExtraFunctions(connection: DuckDBConnection): void {
  const register = (
    name: string,
    arguments_: number,
    returnType: DuckDBType,
    of: (...texts: string[]) => string | boolean,
  ): void => {
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes: Array<DuckDBType>(arguments_).fill(VARCHAR),
        returnType,
        mainFunction: (_info, input: DuckDBDataChunk, output: DuckDBVector) => {
          const columns = Array.from({ length: arguments_ }, (_, i) => input.getColumnVector(i))
          for (let row = 0; row < input.rowCount; row++) {
            const texts = columns.map((column) => column.getItem(row))
            output.setItem(row, texts.includes(null) ? null : of(...texts.map(String)))
          }
          output.flush()
        },
      }),
    )
  }
  const merging = (name: string, returnType: DuckDBType, result: (merged: Merged) => string | boolean): void =>
    register(name, 2, returnType, (kept = '', other = '') => result(mergeExtras(kept, other)))
  merging(EXTRA_FUNCTIONS.merged, VARCHAR, ({ object }) => object)
  merging(EXTRA_FUNCTIONS.grows, BOOLEAN, ({ grew }) => grew)
  merging(EXTRA_FUNCTIONS.contradicts, BOOLEAN, ({ contradicts }) => contradicts)
  register(EXTRA_FUNCTIONS.sorted, 1, VARCHAR, (object = '') => objectOf(members(object)))
}
