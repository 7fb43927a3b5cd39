/** Says what is wrong with a query in its author's own text: the line, a caret below the place, and the names that may have been meant. */

import stringWidth from 'string-width'
import { TABLES } from '../../schemas/tables.js'
import { AuditError, escaped, usageError } from '../../src/errors.js'
import { nearest } from '../../src/nearest.js'
import { DUCKDB_VIEWS } from './duckdb-forms.js'

export interface Place {
  /** Index into the query's text, in UTF-16 units; beyond its end, the end is meant. */
  readonly at?: number | undefined
  /** A name that the warehouse does not know. */
  readonly unknown?: string | undefined
  /** The names it proposes instead. */
  readonly candidates?: readonly string[] | undefined
}

const WORDS = /[\p{L}_][\p{L}\p{N}_]*/gu
const RELATIONS = [...TABLES, ...DUCKDB_VIEWS].map(({ name }) => name)
/** Of tables, views and their columns; other names, such as the columns of a PIVOT, may be values of records. */
const OURS = new Set([
  ...RELATIONS,
  ...TABLES.flatMap(({ columns }) => columns.map(({ name }) => name)),
  ...DUCKDB_VIEWS.flatMap(({ sql }) => [...sql.matchAll(/\bAS "?(\w+)"?/g)].map(([, name = '']) => name)),
])

/** The most names that help; an engine may list every column. */
const MOST_NAMES = 3

/** The same error, with what its author needs to correct the query. */
export function pointedAt(error: AuditError, sql: string, { at, unknown, candidates = [] }: Place): AuditError {
  const theirs = new Set(sql.match(WORDS))
  const proposed = candidates.filter((name) => OURS.has(name) || theirs.has(name)).slice(0, MOST_NAMES)
  const meant = unknown === undefined || proposed.length > 0 ? undefined : nearest(lastPart(unknown), OURS)
  // The name is right, so the relation does not exist yet, and the error says what to do.
  const names = meant === undefined || meant === lastPart(unknown ?? '').toLowerCase() ? proposed : [meant]
  const advice = names.length === 0 ? error.advice : `Did you mean ${names.map(escaped).join(' or ')}?`
  const { retryable, outside, exitCode, cause } = error
  return new AuditError(error.message, {
    retryable,
    outside,
    exitCode,
    cause,
    ...(advice === undefined ? {} : { advice }),
    ...(at === undefined ? {} : { excerpt: excerptOf(sql, at) }),
  })
}

/** `audit_event` of `sink.main.audit_event`. */
const lastPart = (name: string): string => name.replace(/^.*[.:]/, '').replaceAll(/["`]/g, '')

/** How much of a line is shown before and after the place. */
const BEFORE = 40
const AFTER = 32

function excerptOf(sql: string, at: number): readonly string[] {
  const before = sql.slice(0, at)
  const lines = before.split(/\r\n|\n|\r/)
  const left = lines.at(-1) ?? ''
  const right = sql.slice(at).split(/[\r\n]/, 1)[0] ?? ''
  const shownLeft = left.length > BEFORE ? `…${left.slice(-BEFORE)}` : left
  const shownRight = right.length > AFTER ? `${right.slice(0, AFTER)}…` : right
  const label = `LINE ${lines.length}: ${shown(shownLeft)}`
  return [`${label}${shown(shownRight)}`, `${' '.repeat(stringWidth(label))}^`]
}

const shown = (text: string): string => escaped(text.replaceAll('\t', ' '))

/** The index of the n-th character, counted from 0; in a text whose characters may take two units. */
export const indexOfCharacter = (text: string, n: number): number => [...text].slice(0, n).join('').length

/** The index of the n-th byte of the text in UTF-8, counted from 0. */
export const indexOfByte = (text: string, n: number): number => Buffer.from(text).subarray(0, n).toString('utf8').length

/** Counts columns as editors do: from 1, in characters, with a tab to the next multiple of `tabWidth`. */
export function indexOfColumn(text: string, line: number, column: number, tabWidth: number): number {
  let index = 0
  for (let n = 1; n < line; n++) index += /^.*(?:\r\n|\n|\r)?/.exec(text.slice(index))?.[0].length ?? 0
  let reached = 1
  for (const character of text.slice(index)) {
    if (reached >= column) break
    reached = character === '\t' ? Math.ceil(reached / tabWidth) * tabWidth + 1 : reached + 1
    index += character.length
  }
  return index
}

/**
 * Requires that every parameter occurs in the query: a warehouse would ignore it, or refuse with a message that says less.
 *
 * @param sign how the warehouse marks a parameter
 * @throws AuditError, exit code 2
 */
export function requireUsed(id: string, sql: string, names: readonly string[], sign: '@' | ':'): void {
  for (const name of names) {
    if (new RegExp(`(?<![\\w:@])${sign}${name}\\b`, sign === '@' ? 'i' : '').test(sql)) continue
    throw unusedParameter(id, name, sign)
  }
}

export const missingParameter = (id: string, name: string, sign: string): AuditError =>
  usageError(`${id}: the parameter ${sign}${name} has no value`, `Give it one with --param ${name}=VALUE.`)

export const unusedParameter = (id: string, name: string, sign: string): AuditError =>
  usageError(
    `${id}: the query has no parameter ${name}`,
    `Write ${sign}${name} where its value belongs, without quotes.`,
  )
