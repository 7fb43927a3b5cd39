/** A sink's answers to the questions of a report. */

import type { Span } from '../../schemas/day-digest.js'
import type { Sink } from '../contract.js'
import { namedRows, type Row } from '../rows.js'

/** The rows of each question, by its name. */
export type Answers = ReadonlyMap<string, readonly Row[]>

/** Asks one question at a time, to need the memory of one only. @throws AuditError */
export async function askForReport(sink: Sink, range: Span): Promise<Answers> {
  const answers = new Map<string, readonly Row[]>()
  for (const { name, sql } of await sink.questions.report(range)) {
    answers.set(name, await namedRows(await sink.query(sql)))
  }
  return answers
}

export const rowsOf = (answers: Answers, name: string): readonly Row[] => answers.get(name) ?? []

/** A count; 0 if there is none. Some warehouses return decimal numbers as text. */
export const numberIn = (row: Row | undefined, name: string): number => Number(row?.[name] ?? 0)

/** Null when the value is missing. */
export function textIn(row: Row | undefined, name: string): string | null {
  const value = row?.[name] ?? null
  return value === null ? null : String(value)
}

/** How many rows there are in all; the list may have fewer. */
export const totalOf = (rows: readonly Row[]): number => numberIn(rows[0], 'total')
