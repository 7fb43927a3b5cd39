/**
 * The walk: the few lines the engine marked are read again one by one, each to become a reject with its reason or a
 * record with every digit.
 */

import { recordProblem } from '../../schemas/record.js'
import type { SpoolFile } from '../extract/batches.js'
import { linesOf, longLine } from '../extract/spooled.js'
import { type RecordTexts, recordTexts } from './members.js'

/** Warehouses end here too: Redshift's SUPER takes 16 MB. */
const PARSED_LINE_BYTES = 16 * 1024 * 1024

export interface Reject {
  readonly reason: string
  readonly message: string
  /** The line; base64 where reason is not_utf8. */
  readonly raw: string
}

export interface WalkedLine {
  /** Counted from 1, without blank lines. */
  readonly line: number
  readonly outcome: { readonly reject: Reject } | { readonly record: RecordTexts }
}

/** @param wanted numbers of the file's lines, rising */
export async function* walk(file: SpoolFile, wanted: AsyncIterable<number>): AsyncGenerator<WalkedLine> {
  const numbers = wanted[Symbol.asyncIterator]()
  let next = await numbers.next()
  let line = 0
  for await (const bytes of linesOf(file.path)) {
    if (next.done === true) return
    line++
    if (line !== next.value) continue
    const refusal = file.refused?.get(line)
    const arrived = (await longLine(file, line)) ?? bytes
    yield { line, outcome: refusal === undefined ? inspect(arrived) : refused(arrived, refusal) }
    next = await numbers.next()
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A high surrogate without its low one, or the other way round, written as an escape. */
const SURROGATE = /\\u[dD][89a-fA-F]/

/** What becomes of one line. Messages never hold a value of it. */
export function inspect(bytes: Buffer): WalkedLine['outcome'] {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return reject('not_utf8', 'the line is not UTF-8; raw is its base64', bytes.toString('base64'))
  }
  const raw = text.replace(/\r$/, '')
  if (bytes.length > PARSED_LINE_BYTES) return reject('line_too_long', 'the line is longer than 16 MiB', raw)
  let value: unknown
  try {
    value = JSON.parse(raw)
  } catch {
    return reject('not_json', notJson(raw), raw)
  }
  if (SURROGATE.test(raw) && !isWellFormed(value)) {
    return reject('unpaired_surrogate', 'a string holds half of a character (an unpaired surrogate)', raw)
  }
  const problem = recordProblem(value)
  if (problem !== null) return reject(problem.reason, problem.message, raw)
  return { record: recordTexts(raw) }
}

/** Nothing is made of the line but its text: whatever was, failed. */
function refused(bytes: Buffer, refusal: string): WalkedLine['outcome'] {
  try {
    return reject('engine_refused', refusal, utf8.decode(bytes).replace(/\r$/, ''))
  } catch {
    return reject('not_utf8', 'the line is not UTF-8; raw is its base64', bytes.toString('base64'))
  }
}

function reject(reason: string, message: string, raw: string): { reject: Reject } {
  return { reject: { reason, message, raw } }
}

function notJson(raw: string): string {
  if (raw.includes('\0')) return 'the line holds a NUL character'
  if (raw.trimStart().startsWith('<')) return 'the line is HTML or XML, not JSON: perhaps a login page was saved'
  if (/\}\s*\{/.test(raw)) return 'the line is not one JSON object; perhaps it holds two'
  return 'the line is not JSON; perhaps it was cut'
}

/** Whether every string within is whole; without recursion, for values may be nested deeply. */
function isWellFormed(value: unknown): boolean {
  const open: unknown[] = [value]
  while (open.length > 0) {
    const each = open.pop()
    if (typeof each === 'string' && !each.isWellFormed()) return false
    if (typeof each === 'object' && each !== null) {
      for (const [key, member] of Object.entries(each)) open.push(key, member)
    }
  }
  return true
}
