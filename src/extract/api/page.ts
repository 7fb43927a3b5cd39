/** Reads the members of a page object while its bytes stream by; the events themselves are skipped. */

const BACKSLASH = 0x5c
const QUOTE = 0x22
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** The members beside the events are few and short; an object with more is no page. */
const MEMBERS_BYTES = 64 * 1024

/** `whole`: exactly one object so far; `other`: more than that, as in NDJSON, or no object at all. */
type PageState = 'nothing' | 'inside' | 'whole' | 'other'

export class PageReader {
  state: PageState = 'nothing'
  private depth = 0
  private inString = false
  private escaped = false
  /** The object's own text with every nested value emptied: `{"audit_logs":[],"count":2}`. */
  private members: number[] = []
  private nested = 0
  private events = 0

  push(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number
      if (this.depth === 0) {
        if (byte <= 0x20) continue
        this.state = this.state === 'nothing' && byte === OPEN_OBJECT ? 'inside' : 'other'
        if (this.state !== 'inside') return
      }
      this.read(byte)
    }
  }

  /** The members so far seen as a whole; null when the object is not whole, or too large to be a page. */
  facts(): { readonly isPage: boolean; readonly cursor: string | null; readonly miscounted: boolean } | null {
    if (this.state !== 'whole') return null
    let members: Record<string, unknown>
    try {
      members = JSON.parse(Buffer.from(this.members).toString('utf8'))
    } catch {
      return null
    }
    const { audit_logs: events, next_cursor: cursor, count } = members
    return {
      isPage: Array.isArray(events) && (cursor === null || cursor === undefined || typeof cursor === 'string'),
      cursor: typeof cursor === 'string' && cursor !== '' ? cursor : null,
      miscounted: typeof count === 'number' && this.nested === 1 && count !== this.events,
    }
  }

  private read(byte: number): void {
    const before = this.depth
    if (this.inString) {
      if (this.escaped) this.escaped = false
      else if (byte === BACKSLASH) this.escaped = true
      else if (byte === QUOTE) this.inString = false
    } else if (byte === QUOTE) this.inString = true
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      this.depth++
      if (before === 1) this.nested++
      if (before === 2) this.events++
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) this.depth--
    if ((before <= 1 || this.depth <= 1) && this.members.length < MEMBERS_BYTES) this.members.push(byte)
    if (this.depth === 0) this.state = 'whole'
  }
}
