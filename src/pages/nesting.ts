/** Tracks strings and nesting in JSON text as it streams by. */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

export class Nesting {
  /** Number of objects and arrays around the next byte. */
  depth = 0
  inString = false
  private escaped = false

  /** Takes one byte; returns whether it is structure or an opening quote rather than part of a string. */
  push(byte: number): boolean {
    if (this.inString) {
      if (this.escaped) this.escaped = false
      else if (byte === BACKSLASH) this.escaped = true
      else if (byte === QUOTE) this.inString = false
      return false
    }
    if (byte === QUOTE) this.inString = true
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.depth++
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) this.depth--
    return true
  }

  /**
   * Takes bytes until the nesting is down to `depth`. Equivalent to calling `push` for each, but several times faster
   * because it works on local variables. Returns the index after the last byte taken.
   */
  skipTo(depth: number, chunk: Uint8Array, from: number): number {
    let { depth: at, inString, escaped } = this
    let i = from
    while (i < chunk.length && at > depth) {
      if (inString) {
        if (escaped) {
          escaped = false
          i++
          continue
        }
        let byte: number | undefined
        do byte = chunk[i++]
        while (byte !== QUOTE && byte !== BACKSLASH && i < chunk.length)
        if (byte === QUOTE) inString = false
        else escaped = byte === BACKSLASH
      } else {
        const byte = chunk[i++]
        if (byte === QUOTE) inString = true
        else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) at++
        else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) at--
      }
    }
    this.depth = at
    this.inString = inString
    this.escaped = escaped
    return i
  }
}
