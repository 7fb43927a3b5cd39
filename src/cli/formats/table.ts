import stringWidth from 'string-width'
import { plural } from '../../../schemas/words.js'
import type { QueryResult, Value } from '../../contract.js'
import { printable } from '../../errors.js'
import { batches } from './values.js'

const SAMPLE = 1000
const GAP = '  '
/** Columns are not narrowed below this as long as columns further right can be dropped instead. */
const NARROWEST = 8

const BOLD = ['\u001b[1m', '\u001b[22m'] as const
const DIM = ['\u001b[2m', '\u001b[22m'] as const

/**
 * Aligned columns for people: the first 1,000 rows determine the widths, the rest streams.
 *
 * Cells are cut to `width`, the terminal's columns; columns that do not fit are dropped, and the last line counts them.
 * Without `width` nothing is dropped, and a later, wider cell pushes its row out of alignment.
 * Values can be hostile, so control characters are escaped and very long values shortened.
 */
export async function* table(
  { columns, rows }: QueryResult,
  { color, width }: { readonly color: boolean; readonly width: number | undefined },
): AsyncIterable<string> {
  const nullText = color ? 'NULL' : ''
  const cell = (value: Value) => (value === null ? nullText : printable(String(value)))
  const names = columns.map(({ name }) => printable(name))
  const right = columns.map(({ type }) => type === 'integer' || type === 'double')

  const line = (widths: readonly number[], cells: readonly string[], styled: (text: string, i: number) => string) =>
    `${widths
      .map((columnWidth, i) => {
        const text = width === undefined ? (cells[i] ?? '') : cut(cells[i] ?? '', columnWidth)
        const padding = ' '.repeat(Math.max(0, columnWidth - stringWidth(text)))
        if (right[i]) return padding + styled(text, i)
        return styled(text, i) + (i === widths.length - 1 ? '' : padding)
      })
      .join(GAP)}\n`
  const measured = (sample: readonly (readonly string[])[]) =>
    narrowed(
      names.map((name, i) => Math.max(stringWidth(name), ...sample.map((cells) => stringWidth(cells[i] ?? '')))),
      width,
    )
  const head = (widths: readonly number[]) =>
    `${line(widths, names, (text) => paint(text, BOLD, color))}${widths.map((wide) => '─'.repeat(wide)).join(GAP)}\n`

  let widths: readonly number[] | undefined
  let count = 0
  for await (const batch of batches(rows, SAMPLE)) {
    const cells = batch.map((row) => columns.map((_, i) => cell(row[i] ?? null)))
    if (widths === undefined) {
      widths = measured(cells)
      yield head(widths)
    }
    for (const [n, texts] of cells.entries()) {
      yield line(widths, texts, (text, i) => paint(text, DIM, color && (batch[n]?.[i] ?? null) === null))
    }
    count += batch.length
  }
  if (widths === undefined) {
    widths = measured([])
    yield head(widths)
  }
  yield `${footer(count, widths.length, columns.length)}\n`
}

function footer(rows: number, shown: number, columns: number): string {
  const counted = plural(rows, 'row')
  return shown === columns ? `(${counted})` : `(${counted}; ${shown} of ${columns} columns fit)`
}

/** The widths of the columns, from the left, that fit into `limit`; the widest shrink first. */
function narrowed(widths: readonly number[], limit: number | undefined): number[] {
  if (limit === undefined) return [...widths]
  const needed = (wanted: readonly number[], cap: number) =>
    wanted.reduce((sum, wide) => sum + Math.min(wide, cap), GAP.length * (wanted.length - 1))
  let shown = widths.length
  while (shown > 1 && needed(widths.slice(0, shown), NARROWEST) > limit) shown--
  const kept = widths.slice(0, shown)
  let cap = Math.max(...kept, 1)
  while (cap > 1 && needed(kept, cap) > limit) cap--
  return kept.map((wide) => Math.min(wide, cap))
}

const graphemes = new Intl.Segmenter()

function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment)
    if (used > width - 1) break
    kept += segment
  }
  return `${kept}…`
}

function paint(text: string, [on, off]: readonly [string, string], color: boolean): string {
  return color ? on + text + off : text
}
