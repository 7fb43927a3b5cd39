/**
 * Unwraps page objects, `{"audit_logs": [{…}, {…}], "count": 2, "next_cursor": null}`, into one event a line.
 *
 * Works on bytes as they stream by and copies each event's own text, so a page of any size needs no memory and
 * a number of any length stays exact. Text that is not a page passes through untouched.
 */

import { AuditError } from '../errors.js'
import { Nesting } from './nesting.js'

/** A page's members other than audit_logs are few and short; what goes beyond is no page. */
const MEMBERS_BYTES = 64 * 1024

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b

/** Within the page and its list of events. */
const EVENTS_DEPTH = 2

const KEY = /"audit_logs"\s*:\s*\[$/

/** An event may have an unknown key of that name; a page has neither of an event's required keys. */
const isEvent = (members: object): boolean => 'timestamp' in members || 'action' in members

export interface PageFacts {
  /** Whether the text is one or more page objects; set before their first event is handed on. */
  isPage: boolean
  /** Whether the last page named a following one. */
  moreFollow: boolean
}

/**
 * @param chunks the document's text
 * @param facts  filled in while the text passes
 * @throws AuditError when a page breaks off or holds other than the `count` events it states
 */
export async function* unwrapPages(chunks: AsyncIterable<Uint8Array>, facts: PageFacts): AsyncGenerator<Uint8Array> {
  let page: Page | null = new Page()
  for await (const chunk of chunks) {
    let rest: Uint8Array | null = chunk
    while (page !== null && rest !== null) {
      const { output, left, state }: PageStep = page.push(rest)
      if (output.length > 0 || state === 'done') facts.isPage = true
      if (output.length > 0) yield output
      rest = left
      if (state === 'done') {
        facts.moreFollow = page.nextCursor !== null
        page = new Page()
      }
      if (state === 'not a page') {
        page = null
        yield Buffer.concat([...(facts.isPage ? [Buffer.from('\n')] : []), left ?? Buffer.alloc(0)])
        rest = null
      }
    }
    if (rest !== null) yield rest
  }
  if (page !== null) {
    const left = page.end()
    if (left.length > 0) yield left
  }
}

interface PageStep {
  readonly output: Uint8Array
  /** Bytes of the chunk that lie behind the page, or all there was of what is no page; null when used up. */
  readonly left: Uint8Array | null
  readonly state: 'reading' | 'done' | 'not a page'
}

/** Reads one page object; white space before it is skipped. */
class Page {
  nextCursor: unknown = null
  /** The text before and behind the events; joined they are a small JSON object. */
  private members: number[] = []
  private inEvents = false
  private behindEvents = false
  private readonly nesting = new Nesting()
  private events = 0
  private eventOpen = false

  push(chunk: Uint8Array): PageStep {
    const { nesting } = this
    const output = Buffer.allocUnsafe(chunk.length + 1)
    const asItIs = !chunk.includes(LF)
    let written = 0
    for (let i = 0; i < chunk.length; i++) {
      if (asItIs && this.inEvents && nesting.depth > EVENTS_DEPTH) {
        const end = nesting.skipTo(EVENTS_DEPTH, chunk, i)
        output.set(chunk.subarray(i, end), written)
        written += end - i
        i = end - 1
        continue
      }
      const byte = chunk[i] as number
      if (nesting.depth === 0) {
        if (byte <= 0x20 && this.members.length < MEMBERS_BYTES) this.members.push(byte)
        else if (byte !== OPEN_OBJECT) return this.notAPage(chunk, i, output, written)
        else this.begin()
        continue
      }
      const isStructure = nesting.push(byte)
      if (!this.inEvents) {
        this.members.push(byte)
        if (
          isStructure &&
          byte === OPEN_ARRAY &&
          nesting.depth === EVENTS_DEPTH &&
          !this.behindEvents &&
          this.atEvents()
        ) {
          this.inEvents = true
        } else if (nesting.depth === 0) {
          if (!this.behindEvents && !this.withoutList()) return this.notAPage(chunk, i + 1, output, written)
          this.finish()
          return { output: output.subarray(0, written), left: chunk.subarray(i + 1), state: 'done' }
        } else if (this.members.length > MEMBERS_BYTES) {
          if (!this.behindEvents) return this.notAPage(chunk, i + 1, output, written)
          throw broken('has more than 64 KiB beside its events')
        }
        continue
      }
      if (nesting.depth < EVENTS_DEPTH) {
        this.members.push(byte)
        this.inEvents = false
        this.behindEvents = true
        if (this.eventOpen) output[written++] = LF
        this.eventOpen = false
      } else if (nesting.depth === EVENTS_DEPTH && isStructure && byte === COMMA) {
        output[written++] = LF
        this.eventOpen = false
      } else if (byte > 0x20 || nesting.inString || nesting.depth > EVENTS_DEPTH) {
        if (!this.eventOpen) this.events++
        this.eventOpen = true
        // A line break between tokens would end the line; one within a string is an error and must stay one.
        output[written++] = byte === LF ? (nesting.inString ? CR : SPACE) : byte
      }
    }
    return { output: output.subarray(0, written), left: null, state: 'reading' }
  }

  /** What was held back in the hope of a page. Throws when a page has begun and not ended. */
  end(): Uint8Array {
    if (this.inEvents || this.behindEvents) throw broken('breaks off')
    return Buffer.from(this.members)
  }

  private begin(): void {
    this.members.push(OPEN_OBJECT)
    this.nesting.push(OPEN_OBJECT)
  }

  private atEvents(): boolean {
    const text = Buffer.from(this.members).toString('utf8')
    if (!KEY.test(text)) return false
    try {
      return !isEvent(JSON.parse(`${text}]}`))
    } catch {
      return false
    }
  }

  /** Whether this is the page of a server that writes a list of nothing as null. */
  private withoutList(): boolean {
    try {
      const members = JSON.parse(Buffer.from(this.members).toString('utf8'))
      return members.audit_logs === null && !isEvent(members)
    } catch {
      return false
    }
  }

  private notAPage(chunk: Uint8Array, used: number, output: Uint8Array, written: number): PageStep {
    const left = Buffer.concat([Buffer.from(this.members), chunk.subarray(used)])
    return { output: output.subarray(0, written), left, state: 'not a page' }
  }

  private finish(): void {
    let members: Record<string, unknown>
    try {
      members = JSON.parse(Buffer.from(this.members).toString('utf8'))
    } catch {
      throw broken('is not JSON')
    }
    if (isEvent(members)) throw broken('is an event and a page at once')
    const { count } = members
    if (typeof count === 'number' && count !== this.events) {
      throw broken(`states ${count} events and holds ${this.events}`)
    }
    this.nextCursor = members.next_cursor ?? null
  }
}

function broken(what: string): AuditError {
  return new AuditError(`the page object ${what}; the document did not arrive whole, and nothing of it is loaded`, {
    advice: 'Fetch or save it again.',
  })
}
