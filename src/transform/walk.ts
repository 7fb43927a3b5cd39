/**
 * The walk: the few lines the engine marked are read again one by one, each to become a reject with its reason or a
 * record with every digit.
 */

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { recordProblem } from '../../schemas/record.js'
import type { SpoolFile } from '../extract/batches.js'
import { type RecordTexts, recordTexts } from './members.js'

/** Warehouses end here too: Redshift's SUPER takes 16 MB. */
const PARSED_LINE_BYTES = 16 * 1024 * 1024

const LF = 0x0a

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
    yield { line, outcome: inspect((await longLine(file, line)) ?? bytes) }
    next = await numbers.next()
  }
}

/** A document with a long line has its file to itself. */
async function longLine({ path, documents }: SpoolFile, line: number): Promise<Buffer | null> {
  const place = documents[0]?.longLines.get(line)
  if (place === undefined) return null
  const file = await open(`${path}.long`)
  try {
    const { buffer } = await file.read(Buffer.alloc(place.length), 0, place.length, place.offset)
    return buffer
  } finally {
    await file.close()
  }
}

/** The lines of a landed file that are not blank; blank is what LineFilter calls so. */
async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let start = 0
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
      const line = bytes.subarray(start, end)
      if (!isBlank(line)) yield line
      start = end + 1
    }
    held = bytes.subarray(start)
  }
  if (!isBlank(held)) yield held
}

const isBlank = (line: Buffer): boolean => line.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))

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
