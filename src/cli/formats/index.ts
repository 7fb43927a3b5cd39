import type { Writable } from 'node:stream'
import type { QueryResult } from '../../contract.js'
import { arrow } from './arrow.js'
import { csv } from './csv.js'
import { json, ndjson } from './json.js'
import { line } from './line.js'
import { markdown } from './markdown.js'
import { joined, send } from './output.js'
import { parquet } from './parquet.js'
import { table } from './table.js'
import { distinctNames } from './values.js'

export const FORMATS = ['table', 'line', 'markdown', 'json', 'ndjson', 'csv', 'parquet', 'arrow'] as const
export type Format = (typeof FORMATS)[number]

export interface WriteOptions {
  /** For table: bold names, dim NULL. Default: when `out` is a terminal and NO_COLOR is unset or empty. */
  readonly color?: boolean
  /** For table: columns of the terminal. Default: those of `out`; unlimited when it is not a terminal. */
  readonly width?: number
  /** For csv: puts a `'` before texts that a spreadsheet would take for a formula. */
  readonly csvSafe?: boolean
  /** Writes control characters unescaped, even when `out` is a terminal. */
  readonly rawOutput?: boolean
}

/**
 * Writes a result to `out` with backpressure, and leaves `out` open.
 *
 * Resolves once `out` has taken everything, or its reader has left early (EPIPE). Rejects with what reading the rows threw,
 * or with AuditError when `out` cannot be written, or parquet or arrow cannot hold a value in its column's type.
 */
export async function writeResult(
  result: QueryResult,
  format: Format,
  out: Writable,
  options: WriteOptions = {},
): Promise<void> {
  await send(rendered(result, format, out, options), out)
}

/** A result in the form in which it is written to `out`. */
export function rendered(
  result: QueryResult,
  format: Format,
  out: Writable,
  options: WriteOptions = {},
): AsyncIterable<string | Uint8Array> {
  const named = { columns: distinctNames(result.columns), rows: result.rows }
  const { rawOutput = false, csvSafe = false, ...asked } = options
  return chunks(named, format, { csvSafe, ...terminal(out, rawOutput), ...asked })
}

interface Look {
  readonly color: boolean
  readonly width: number | undefined
  readonly csvSafe: boolean
  /** Escapes characters that could control a terminal. */
  readonly onTerminal: boolean
}

function chunks(result: QueryResult, format: Format, look: Look): AsyncIterable<string | Uint8Array> {
  switch (format) {
    case 'table':
      return joined(table(result, look))
    case 'line':
      return joined(line(result))
    case 'markdown':
      return joined(markdown(result))
    case 'json':
      return joined(json(result, look))
    case 'ndjson':
      return joined(ndjson(result, look))
    case 'csv':
      return joined(csv(result, look))
    case 'parquet':
      return parquet(result)
    case 'arrow':
      return arrow(result)
  }
}

function terminal(out: Writable & { isTTY?: boolean; columns?: number }, rawOutput: boolean) {
  const isTerminal = out.isTTY === true
  return {
    onTerminal: isTerminal && !rawOutput,
    color: isTerminal && !process.env.NO_COLOR,
    width: isTerminal ? out.columns : undefined,
  }
}
