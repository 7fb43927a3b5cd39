/** Keeps some lines of a log by when they happened, without parsing them. */

const LF = 0x0a
const QUOTE = 0x22
const COLON = 0x3a
const SPACE = 0x20
const LINE_END = Buffer.from([LF])

const TIMESTAMP = Buffer.from('"timestamp"')
const ACTION = Buffer.from('"action"')

/** As W&B writes it; any other form counts as none. A fraction does not matter, because days are cut at whole seconds. */
const PLAIN_TIME = /^"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z"/
const PLAIN_TIME_BYTES = 32

/** A longer line is passed on as it arrives, and counts as one without a time. */
const LONGEST_LINE_BYTES = 1 << 20

export class LineSieve {
  private readonly keep: (at: number | null, line: Uint8Array) => boolean
  private held: Uint8Array[] = []
  private heldBytes = 0
  private inLongLine = false

  /**
   * @param keep whether to keep a line that is not blank: its time in milliseconds since 1970, and its bytes with the line
   *   end. The time is null unless the line has the keys `action` and `timestamp`, the latter once and with a value in
   *   W&B's own form.
   */
  constructor(keep: (at: number | null, line: Uint8Array) => boolean) {
    this.keep = keep
  }

  /** Returns the lines to keep of those that have ended. */
  push(chunk: Uint8Array): Uint8Array {
    const kept: Uint8Array[] = []
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.endLine(chunk.subarray(start, end + 1), kept)
      start = end + 1
    }
    const rest = chunk.subarray(start)
    this.heldBytes += rest.length
    if (rest.length > 0) this.held.push(rest)
    if (this.inLongLine || this.heldBytes > LONGEST_LINE_BYTES) {
      kept.push(...this.held.splice(0))
      this.heldBytes = 0
      this.inLongLine = true
    }
    return joined(kept)
  }

  /** Returns the last line, if it has no line end and is to be kept; with one, so that other lines may follow it. */
  end(): Uint8Array {
    const kept: Uint8Array[] = []
    if (this.inLongLine || this.heldBytes > 0) this.endLine(LINE_END, kept)
    return joined(kept)
  }

  private endLine(end: Uint8Array, kept: Uint8Array[]): void {
    const line = this.held.length === 0 ? end : Buffer.concat([...this.held, end])
    this.held = []
    this.heldBytes = 0
    const isKept = this.inLongLine || (!isBlank(line) && this.keep(timeOf(line), line))
    this.inLongLine = false
    if (isKept) kept.push(line)
  }
}

const joined = (pieces: readonly Uint8Array[]): Uint8Array =>
  pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)

const isBlank = (line: Uint8Array): boolean => line.every((byte) => byte <= SPACE)

function timeOf(bytes: Uint8Array): number | null {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (!line.includes(ACTION)) return null
  let time: number | null = null
  for (let at = line.indexOf(TIMESTAMP); at !== -1; at = line.indexOf(TIMESTAMP, at + TIMESTAMP.length)) {
    let value = afterSpace(line, at + TIMESTAMP.length)
    // A text of the same letters, as a project may be called, is no key.
    if (line[value] !== COLON) continue
    if (time !== null) return null
    value = afterSpace(line, value + 1)
    if (line[value] !== QUOTE) return null
    const [, text] = PLAIN_TIME.exec(line.toString('latin1', value, value + PLAIN_TIME_BYTES)) ?? []
    time = text === undefined ? Number.NaN : Date.parse(`${text}Z`)
    if (Number.isNaN(time)) return null
  }
  return time
}

function afterSpace(line: Uint8Array, start: number): number {
  let at = start
  while ((line[at] ?? LF) <= SPACE && at < line.length) at++
  return at
}
