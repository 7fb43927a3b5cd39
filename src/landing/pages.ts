/**
 * Unwraps page objects, `{"audit_logs": [{…}, {…}], "count": 2, "next_cursor": null}`, into one event a line.
 *
 * Works on bytes as they stream by and copies each event's own text, so a page of any size needs no memory and
 * a number of any length stays exact. Text that is not a page passes through untouched.
 */

import { AuditError } from '../errors.js'
import { Nesting } from '../pages/nesting.js'

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

const COLON = 0x3a
const BACKSLASH = 0x5c
const KEY = Buffer.from('"audit_logs"')

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
    if (page === null) {
      yield chunk
      continue
    }
    // One for all pages of the chunk: there may be tens of thousands.
    const output = new Output(chunk)
    let rest: Uint8Array | null = chunk
    while (page !== null && rest !== null) {
      const before = output.length
      const { left, state }: PageStep = page.push(rest, output)
      if (output.length > before || state === 'done') facts.isPage = true
      rest = left
      if (state === 'done') {
        facts.moreFollow = page.nextCursor !== null
        page = new Page()
      }
      if (state === 'not a page') page = null
    }
    if (output.length > 0) yield output.bytes()
    if (page === null) yield Buffer.concat([Buffer.from(facts.isPage ? '\n' : ''), rest ?? Buffer.alloc(0)])
  }
  if (page !== null) {
    const left = page.end()
    if (left.length > 0) yield left
  }
}

/** What becomes of one chunk: never more bytes than it has. */
class Output {
  length = 0
  /** Whether the events can be copied as they stand: no line of theirs would end too early. */
  readonly asItIs: boolean
  private readonly buffer: Buffer

  constructor(chunk: Uint8Array) {
    this.asItIs = !chunk.includes(LF)
    this.buffer = Buffer.allocUnsafe(chunk.length)
  }

  put(byte: number): void {
    this.buffer[this.length++] = byte
  }

  copy(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.length)
    this.length += bytes.length
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length)
  }
}

interface PageStep {
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

  push(chunk: Uint8Array, output: Output): PageStep {
    const { nesting } = this
    for (let i = 0; i < chunk.length; i++) {
      if (output.asItIs && this.inEvents && nesting.depth > EVENTS_DEPTH) {
        const end = nesting.skipTo(EVENTS_DEPTH, chunk, i)
        output.copy(chunk.subarray(i, end))
        i = end - 1
        continue
      }
      const byte = chunk[i] as number
      if (nesting.depth === 0) {
        if (byte <= 0x20 && this.members.length < MEMBERS_BYTES) this.members.push(byte)
        else if (byte !== OPEN_OBJECT) return this.notAPage(chunk, i)
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
          this.endsInKey()
        ) {
          if (!this.atEvents()) return this.notAPage(chunk, i + 1)
          this.inEvents = true
        } else if (nesting.depth === 0) {
          if (!this.behindEvents && !this.withoutList()) return this.notAPage(chunk, i + 1)
          this.finish()
          return { left: chunk.subarray(i + 1), state: 'done' }
        } else if (this.members.length > MEMBERS_BYTES) {
          if (!this.behindEvents) return this.notAPage(chunk, i + 1)
          throw broken('has more than 64 KiB beside its events')
        }
        continue
      }
      if (nesting.depth < EVENTS_DEPTH) {
        this.members.push(byte)
        this.inEvents = false
        this.behindEvents = true
        if (this.eventOpen) output.put(LF)
        this.eventOpen = false
      } else if (nesting.depth === EVENTS_DEPTH && isStructure && byte === COMMA) {
        output.put(LF)
        this.eventOpen = false
      } else if (byte > 0x20 || nesting.inString || nesting.depth > EVENTS_DEPTH) {
        if (!this.eventOpen) this.events++
        this.eventOpen = true
        // A line break between tokens would end the line; one within a string is an error and must stay one.
        output.put(byte === LF ? (nesting.inString ? CR : SPACE) : byte)
      }
    }
    return { left: null, state: 'reading' }
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

  /** Whether the members so far end in `"audit_logs": [`; no more of them is looked at. */
  private endsInKey(): boolean {
    const { members } = this
    let at = members.length - 2
    while ((members[at] ?? COLON) <= SPACE) at--
    if (members[at] !== COLON) return false
    do at--
    while ((members[at] ?? COLON) <= SPACE)
    const start = at - KEY.length + 1
    return members[start - 1] !== BACKSLASH && KEY.every((byte, i) => members[start + i] === byte)
  }

  /** Whether the list that begins here is a page's; if not, nothing that follows makes it one. */
  private atEvents(): boolean {
    try {
      const members = JSON.parse(`${Buffer.from(this.members).toString('utf8')}]}`)
      return Array.isArray(members.audit_logs) && !isEvent(members)
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

  private notAPage(chunk: Uint8Array, used: number): PageStep {
    return { left: Buffer.concat([Buffer.from(this.members), chunk.subarray(used)]), state: 'not a page' }
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
    // Some servers write the end as an empty text.
    this.nextCursor = members.next_cursor || null
  }
}

function broken(what: string): AuditError {
  return new AuditError(`the page object ${what}; the document did not arrive whole, and nothing of it is loaded`, {
    advice: 'Fetch or save it again.',
  })
}
