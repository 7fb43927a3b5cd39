/** Reads the members of a page object while its bytes stream by; the events themselves are skipped. */

import { Nesting } from '../../pages/nesting.js'

const OPEN_OBJECT = 0x7b

/** Within the page and its list of events. */
const EVENTS_DEPTH = 2

/** The members beside the events are few and short; an object with more is no page. */
const MEMBERS_BYTES = 64 * 1024

/** `whole`: exactly one object so far; `other`: more than that, as in NDJSON, or no object at all. */
type PageState = 'nothing' | 'inside' | 'whole' | 'other'

export class PageReader {
  state: PageState = 'nothing'
  private readonly nesting = new Nesting()
  /** The object's own text with every nested value emptied: `{"audit_logs":[],"count":2}`. */
  private members: number[] = []
  private nested = 0
  private events = 0

  push(chunk: Uint8Array): void {
    const { nesting } = this
    for (let i = 0; i < chunk.length; i++) {
      if (nesting.depth > EVENTS_DEPTH) {
        i = nesting.skipTo(EVENTS_DEPTH, chunk, i) - 1
        continue
      }
      const byte = chunk[i] as number
      if (nesting.depth === 0) {
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
      // A server may write a list of nothing as null, as Go does with a slice that was never filled.
      isPage:
        (Array.isArray(events) || events === null) &&
        (cursor === null || cursor === undefined || typeof cursor === 'string'),
      cursor: typeof cursor === 'string' && cursor !== '' ? cursor : null,
      miscounted:
        typeof count === 'number' && (events === null ? count > 0 : this.nested === 1 && count !== this.events),
    }
  }

  private read(byte: number): void {
    const { depth: before } = this.nesting
    this.nesting.push(byte)
    const { depth } = this.nesting
    if (depth > before && before === 1) this.nested++
    if (depth > before && before === EVENTS_DEPTH) this.events++
    if ((before <= 1 || depth <= 1) && this.members.length < MEMBERS_BYTES) this.members.push(byte)
    if (depth === 0) this.state = 'whole'
  }
}
