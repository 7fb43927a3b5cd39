/**
 * Counts the lines of a document while it streams by, and takes out the ones too long to parse in bulk.
 *
 * The count is the outside proof that the engine lost no line, so it must agree with DuckDB's NDJSON reader on
 * what a line is: bytes up to LF or the end, unless they are all white space.
 */

/** Longer lines are put aside and read one at a time, so that a nested bomb meets no thread of the engine's. */
export const LONG_LINE_BYTES = 1 << 20

/** What stands in the spool for a line put aside: one that is no JSON, so that the walk comes by here. */
export const PLACEHOLDER = Buffer.from('!')

const LF = 0x0a
/** The engine overlooks a last line of one character that nothing ends. */
const LINE_END = Buffer.from('\n')

export interface LineSink {
  /** Bytes as the engine shall read them. */
  write(bytes: Uint8Array): void
  /** One piece of a long line, and whether it is the last one of it. */
  putAside(piece: Uint8Array, line: number, last: boolean): void
}

export class LineFilter {
  /** Lines so far that are not blank. */
  lines = 0
  private readonly sink: LineSink
  /** The line that has begun but not ended: held back until it is known to be short. */
  private held: Uint8Array[] = []
  private length = 0
  private blank = true
  private aside = false

  constructor(sink: LineSink) {
    this.sink = sink
  }

  push(chunk: Uint8Array): void {
    let lineStart = 0
    let unwritten = 0
    for (;;) {
      const end = chunk.indexOf(LF, lineStart)
      const stop = end === -1 ? chunk.length : end
      if (this.blank) this.blank = isBlank(chunk, lineStart, stop)
      this.length += stop - lineStart
      if (!this.aside && this.length > LONG_LINE_BYTES && !this.blank) {
        if (lineStart > 0) this.writeWhole(chunk.subarray(unwritten, lineStart))
        this.beginAside()
      }
      if (this.aside) {
        this.sink.putAside(chunk.subarray(lineStart, stop), this.lines + 1, end !== -1)
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
    // White space without end is nothing to hold; a line that has more to it holds its own bytes.
    if (this.blank && this.length > LONG_LINE_BYTES) this.held = []
    else if (unwritten < chunk.length) this.held.push(chunk.subarray(unwritten))
  }

  end(): void {
    if (this.aside) this.sink.putAside(new Uint8Array(), this.lines + 1, true)
    this.writeWhole(new Uint8Array())
    if (this.length === 0) return
    this.sink.write(LINE_END)
    this.endLine()
  }

  private writeWhole(bytes: Uint8Array): void {
    for (const piece of this.held) this.sink.write(piece)
    this.held = []
    if (bytes.length > 0) this.sink.write(bytes)
  }

  private beginAside(): void {
    for (const piece of this.held) this.sink.putAside(piece, this.lines + 1, false)
    this.held = []
    this.aside = true
    this.sink.write(PLACEHOLDER)
  }

  private endLine(): void {
    if (!this.blank) this.lines++
    this.length = 0
    this.blank = true
    this.aside = false
  }
}

function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number
    if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return false
  }
  return true
}
