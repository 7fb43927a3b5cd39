/**
 * Counts the lines of a document as it streams by, and sets aside those that would harm the engine.
 *
 * The count proves, independently of the engine, that no line was lost. It must therefore agree with DuckDB's NDJSON
 * reader on what a line is: the bytes up to LF or the end, unless they are all white space.
 */

/**
 * Longer lines are set aside and read one at a time. Every thread of the engine works on 2,048 lines at once and keeps
 * several copies of each: lines of 20 kB took more than 600 MB.
 */
export const BULK_BYTES = 4096

/**
 * Lines with more commas, colons and opening brackets than this are set aside too. The engine's tree of a line takes
 * 16 bytes a value, and its functions recurse: 6,000 lines of 8,000 bytes took more than 600 MB, and 400,000 levels of
 * nesting killed the process.
 */
export const BULK_SIGNS = 256

/** Lines up to this length cannot have enough signs to matter, so they are not counted. */
const FEW_BYTES = 512

/** Replaces a line that was set aside. It is not JSON, so the engine marks it for the slow path. */
export const PLACEHOLDER = Buffer.from('!')

const LF = 0x0a
/** White space to the engine but not in JSON: a line that contains one takes the slow path. */
const VT = 0x0b
const FF = 0x0c
/** Added after the last line, because the engine overlooks a last line of one character without a line end. */
const LINE_END = Buffer.from('\n')

const IS_SIGN = new Uint8Array(256)
for (const sign of ',:[{') IS_SIGN[sign.charCodeAt(0)] = 1

export interface LineSink {
  /** Bytes for the engine to read. */
  write(bytes: Uint8Array): void
  /** The next piece of line `line`, which is set aside. */
  putAside(piece: Uint8Array, line: number): void
  /** Ends the line that is set aside; null when it was only white space and does not count. */
  endAside(line: number | null): void
}

export class LineFilter {
  /** Lines so far, without blank ones. */
  lines = 0
  /** Whether any line was set aside. */
  altered = false
  private readonly sink: LineSink
  /** The start of the current line, held back until the line is known to be fit for the engine. */
  private held: Uint8Array[] = []
  private length = 0
  private blank = true
  private odd = false
  private aside = false

  constructor(sink: LineSink) {
    this.sink = sink
  }

  push(chunk: Uint8Array): void {
    let lineStart = 0
    let unwritten = 0
    const anyOdd = isOdd(chunk)
    for (;;) {
      const end = chunk.indexOf(LF, lineStart)
      const stop = end === -1 ? chunk.length : end
      if (this.blank) this.blank = isBlank(chunk, lineStart, stop)
      if (anyOdd && !this.odd) this.odd = isOdd(chunk.subarray(lineStart, stop))
      this.length += stop - lineStart
      if (!this.aside && this.isUnfit(chunk, lineStart, end)) {
        if (lineStart > unwritten) this.writeWhole(chunk.subarray(unwritten, lineStart))
        this.beginAside()
      }
      if (this.aside) {
        this.sink.putAside(chunk.subarray(lineStart, stop), this.lines + 1)
        unwritten = stop
      }
      if (end === -1) break
      this.endLine()
      lineStart = end + 1
    }
    if (this.aside) return
    if (lineStart > unwritten) {
      this.writeWhole(chunk.subarray(unwritten, lineStart))
      unwritten = lineStart
    }
    if (unwritten < chunk.length) this.held.push(chunk.subarray(unwritten))
  }

  end(): void {
    if (!this.aside && this.isUnfit(LINE_END, 0, 0)) this.beginAside()
    this.writeWhole(LINE_END.subarray(1))
    if (this.length === 0) return
    this.endLine()
    this.sink.write(LINE_END)
  }

  /** Whether the line is too long or has an odd byte so far, or, once its end is known, has too many signs. */
  private isUnfit(chunk: Uint8Array, start: number, end: number): boolean {
    if (this.length > BULK_BYTES || (this.odd && !this.blank)) return true
    if (end === -1 || this.length <= FEW_BYTES) return false
    let signs = signsIn(chunk, start, end)
    if (start === 0) for (const piece of this.held) signs += signsIn(piece, 0, piece.length)
    return signs > BULK_SIGNS
  }

  private writeWhole(bytes: Uint8Array): void {
    for (const piece of this.held) this.sink.write(piece)
    this.held = []
    if (bytes.length > 0) this.sink.write(bytes)
  }

  private beginAside(): void {
    for (const piece of this.held) this.sink.putAside(piece, this.lines + 1)
    this.held = []
    this.aside = true
    this.altered = true
  }

  private endLine(): void {
    if (!this.blank) this.lines++
    if (this.aside) {
      this.sink.endAside(this.blank ? null : this.lines)
      if (!this.blank) this.sink.write(PLACEHOLDER)
    }
    this.length = 0
    this.blank = true
    this.odd = false
    this.aside = false
  }
}

const isOdd = (bytes: Uint8Array): boolean => bytes.includes(VT) || bytes.includes(FF)

function signsIn(bytes: Uint8Array, from: number, to: number): number {
  let signs = 0
  for (let i = from; i < to; i++) signs += IS_SIGN[bytes[i] as number] as number
  return signs
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number
    if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return false
  }
  return true
}
