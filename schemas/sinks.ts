/** Tables of the docs, in Markdown, from what sinks declare. */

import type { SinkDeclaration } from '../sinks/shared/declaration.js'
import { table } from './markdown.js'

export function sinkTable(sinks: readonly SinkDeclaration[]): string {
  const rows = sinks.map(({ title, form, loads, sql, state, tested }) => [title, code(form), loads, sql, state, tested])
  return table(['sink', 'address', 'loads', 'SQL', 'state', 'how it is tested'], rows)
}

export function remainsTable(sinks: readonly SinkDeclaration[]): string {
  return table(
    ['sink', 'where erased values remain'],
    sinks.map(({ form, remains }) => [code(form), remains]),
  )
}

export function optionTable(options: SinkDeclaration['options']): string {
  const rows = Object.entries(options).map(([name, { meaning }]) => [code(name), meaning])
  return table(['option', 'meaning'], rows)
}

/** `form (or others)`: the form alone is code. */
const code = (form: string): string => form.replace(/^\S+/, '`$&`')
