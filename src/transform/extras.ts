/**
 * Two readings of one event's `extra`: what the later one adds, and whether they contradict each other. In TypeScript,
 * because the engine's own JSON functions do not keep a number's digits.
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
  /** All members of the kept object, and those of the other whose keys it lacks. */
  readonly object: string
  /** Whether the other one added a key. */
  readonly grew: boolean
  /** Whether a key has another value in each. */
  readonly contradicts: boolean
}

/** Each key of an object's text, with its value's text. Merged from several lines, it may have more keys than a line may. */
export function members(json: string): readonly (readonly [key: string, value: string])[] {
  const scanned = scan(Buffer.from(json), Number.POSITIVE_INFINITY)
  return 'problem' in scanned ? [] : (scanned.members ?? []).map(({ key, value }) => [key, value])
}

/** @param kept and other texts of JSON objects; a value of the first is never overwritten */
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

/** A value with the keys of its objects in order: some warehouses give them back in an order of their own. */
export function reordered(json: string): string {
  return json.startsWith('{') ? objectOf(members(json).map(([key, value]) => [key, reordered(value)])) : json
}

/** The functions that a connection must know to merge events: SQL names, to be called with two objects' texts. */
export const EXTRA_FUNCTIONS = {
  merged: 'merged_extra',
  grows: 'extra_grows',
  contradicts: 'extra_contradicts',
  /** Of one object: its text with its keys in order. */
  sorted: 'extra_sorted',
} as const

/** Null where an argument is. */
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
