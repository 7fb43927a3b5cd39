/** Reads lines for the slow path, one by one: each becomes a record with every digit, or a reject with its reason. */

import { closeSync, openSync, readSync } from 'node:fs'
import { recordProblem } from '../../schemas/record.js'
import type { SpoolFile } from '../landing/batches.js'
import { linesOf } from '../landing/spooled.js'
import { type RecordTexts, recordTexts } from './members.js'
import { type Encoding, encodingOf, inMemory, type LineBytes } from './raw.js'
import { type Member, MOST_KEYS, MOST_LEVELS, type ScanProblem, scan } from './scan.js'

/** Warehouses have this limit too: Redshift's SUPER takes 16 MB. */
const PARSED_LINE_BYTES = 16 * 1024 * 1024

const CR = 0x0d

export interface Reject {
  readonly reason: string
  readonly message: string
  /** The line as it arrived; a text loses the carriage return at its end. */
  readonly line: LineBytes
  /** How `raw` encodes the line. */
  readonly encoding: Encoding
}

export interface Accepted {
  readonly record: RecordTexts
  /** Those of a row of an export. */
  readonly claims?: Claims
}

export type Outcome = { readonly reject: Reject } | Accepted

/** What a row of an export says of its event: content_hash, source_document, source_line, names_document. */
export type Claims = readonly [hash: string, document: string | null, line: string | null, names: string | null]

export interface SlowLine {
  /** Counted from 1, blank lines excluded. */
  readonly line: number
  readonly outcome: Outcome
}

/**
 * @param wanted line numbers of the file, ascending
 * @param read   turns a line into its outcome
 */
export async function* readLineByLine(
  file: SpoolFile,
  wanted: AsyncIterable<number>,
  read: (line: LineBytes) => Outcome,
): AsyncGenerator<SlowLine> {
  const numbers = wanted[Symbol.asyncIterator]()
  const aside = new LinesAside(file)
  try {
    let next = await numbers.next()
    let line = 0
    for await (const bytes of linesOf(file.path)) {
      if (next.done === true) return
      line++
      if (line !== next.value) continue
      const refusal = file.refused?.get(line)
      const arrived = aside.line(line) ?? inMemory(bytes)
      yield { line, outcome: refusal === undefined ? read(arrived) : refused(arrived, refusal) }
      next = await numbers.next()
    }
  } finally {
    aside.close()
  }
}

/** Reads the lines that landing set aside. A document with such lines has its file to itself. */
class LinesAside {
  private readonly file: SpoolFile
  private descriptor: number | null = null

  constructor(file: SpoolFile) {
    this.file = file
  }

  line(number: number): LineBytes | null {
    const position = this.file.documents[0]?.longLines.get(number)
    if (position === undefined) return null
    this.descriptor ??= openSync(`${this.file.path}.long`, 'r')
    const { descriptor } = this
    return {
      length: position.length,
      read(from, to) {
        const buffer = Buffer.allocUnsafe(to - from)
        for (let done = 0; done < buffer.length; ) {
          const bytes = readSync(descriptor, buffer, done, buffer.length - done, position.offset + from + done)
          if (bytes === 0) throw new Error('the spool file is shorter than what was landed')
          done += bytes
        }
        return buffer
      },
    }
  }

  close(): void {
    if (this.descriptor !== null) closeSync(this.descriptor)
  }
}

export interface Acceptance {
  readonly mostBytes: number
  /** Keys of an object. */
  readonly mostKeys: number
  /** @param members null when the line is no object */
  accept(members: readonly Member[] | null): Accepted | Pick<Reject, 'reason' | 'message'>
}

const LOG: Acceptance = {
  mostBytes: PARSED_LINE_BYTES,
  mostKeys: MOST_KEYS,
  accept: (members) =>
    recordProblem(members === null ? null : essentials(members)) ?? { record: recordTexts(members ?? []) },
}

/** Turns one line into a record or a reject. Messages never hold a value of the line. */
export function inspect(arrived: LineBytes, { mostBytes, mostKeys, accept } = LOG): Outcome {
  const isParsed = arrived.length <= mostBytes
  const line = isParsed ? inMemory(arrived.read(0, arrived.length)) : arrived
  if (encodingOf(line) === 'base64') return rejected(line, 'not_utf8', 'the line is not UTF-8; raw is its base64')
  if (!isParsed) return rejected(line, 'line_too_long', `the line is longer than ${mostBytes / 2 ** 20} MiB`)
  const text = line.read(0, line.length)
  const scanned = scan(text, mostKeys)
  if ('problem' in scanned) return rejected(line, REASONS[scanned.problem], MESSAGES[scanned.problem](text))
  const accepted = accept(scanned.members)
  return 'record' in accepted ? accepted : rejected(line, accepted.reason, accepted.message)
}

/** Rejects a line on which the engine failed; the slow path does not try to parse it. */
function refused(line: LineBytes, refusal: string): Outcome {
  if (encodingOf(line) === 'base64') return rejected(line, 'not_utf8', 'the line is not UTF-8; raw is its base64')
  return rejected(line, 'engine_refused', refusal)
}

/** Keeps the line as a reject. */
export function rejected(line: LineBytes, reason: string, message: string): { reject: Reject } {
  const encoding = reason === 'not_utf8' ? 'base64' : 'utf8'
  const hasCr = encoding === 'utf8' && line.length > 0 && line.read(line.length - 1, line.length)[0] === CR
  return { reject: { reason, message, encoding, line: hasCr ? { ...line, length: line.length - 1 } : line } }
}

const REASONS: Readonly<Record<ScanProblem, string>> = {
  not_json: 'not_json',
  two_values: 'not_json',
  too_deep: 'too_deep',
  too_many_keys: 'too_many_keys',
  unpaired_surrogate: 'unpaired_surrogate',
  duplicate_key: 'duplicate_key',
}

const MESSAGES: Readonly<Record<ScanProblem, (text: Buffer) => string>> = {
  not_json: notJson,
  two_values: () => 'the line is not one JSON object; perhaps it holds two',
  too_deep: () => `the line nests more than ${MOST_LEVELS} levels`,
  too_many_keys: () => `an object in the line has more than ${MOST_KEYS} keys`,
  unpaired_surrogate: () => 'a string holds half of a character (an unpaired surrogate)',
  duplicate_key: () => 'the object has the same key twice',
}

function notJson(text: Buffer): string {
  if (text.includes(0)) return 'the line holds a NUL character'
  if (text.toString('latin1', 0, 1000).trimStart().startsWith('<')) {
    return 'the line is HTML or XML, not JSON: perhaps a login page was saved'
  }
  return 'the line is not JSON; perhaps it was cut'
}

/** The members that decide whether an object is an event. A value that is not a string only counts as present. */
export function essentials(members: readonly Member[]): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const { key, value } of members) {
    if (key !== 'timestamp' && key !== 'action') continue
    if (value === 'null') found[key] = null
    else found[key] = value.startsWith('"') ? JSON.parse(value) : {}
  }
  return found
}
