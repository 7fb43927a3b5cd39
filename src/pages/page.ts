/**
 * Parses page objects, `{"audit_logs": [{…}, {…}], "count": 2, "next_cursor": null}`, into one event a line.
 *
 * It copies each event's own bytes as they stream by, so that a page of any size needs no memory and a number of any
 * length stays exact.
 */

import { Nesting } from './nesting.js'

/** The members other than audit_logs are few and short; a text with more is not a page. */
const MEMBERS_BYTES = 64 * 1024

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b

/** The depth between events: inside the page and its list of events. */
const EVENTS_DEPTH = 2

const COLON = 0x3a
const BACKSLASH = 0x5c
const KEY = Buffer.from('"audit_logs"')

/** An event may have an unknown key `audit_logs`, but a page has none of an event's required keys. */
const isEvent = (members: object): boolean => 'timestamp' in members || 'action' in members

/** A page is damaged; the message continues a sentence that begins with "the page". */
export class PageError extends Error {}

/** Collects the events in one chunk; never more bytes than the chunk has. */
export class Output {
  length = 0
  /** Whether events can be copied unchanged, because no line break within them would end their line too early. */
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

export interface PageStep {
  /** The rest of the chunk after the page, or all text so far if it is not a page; null when used up. */
  readonly left: Uint8Array | null
  readonly state: 'reading' | 'done' | 'not a page'
}

/** Parses one page object, skipping white space before it. */
export class Page {
  /** The cursor of the next page; null when there is none. Known once the page is done. */
  nextCursor: string | null = null
  /** `range_start_time` and `range_end_time`, whatever they are. Known once the page is done. */
  range: readonly [start: unknown, end: unknown] = [undefined, undefined]
  /** The text before and after the events; joined, it is a small JSON object. */
  private members: number[] = []
  private inEvents = false
  private behindEvents = false
  private readonly nesting = new Nesting()
  private events = 0
  private eventOpen = false

  /**
   * @param output takes the events of the chunk, one per line
   * @throws PageError when the page is not JSON, or does not hold the `count` events it states
   */
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
          throw new PageError('has more than 64 KiB beside its events')
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
        // A line break between tokens would end the line; one within a string is invalid and must stay so.
        output.put(byte === LF ? (nesting.inString ? CR : SPACE) : byte)
      }
    }
    return { left: null, state: 'reading' }
  }

  /** Whether an object has begun that may be a page. */
  get begun(): boolean {
    return this.nesting.depth > 0
  }

  /**
   * Returns the text held back because it might have become a page.
   *
   * @throws PageError when a page has begun but not ended
   */
  end(): Uint8Array {
    if (this.inEvents || this.behindEvents) throw new PageError('breaks off')
    return Buffer.from(this.members)
  }

  private begin(): void {
    this.members.push(OPEN_OBJECT)
    this.nesting.push(OPEN_OBJECT)
  }

  /** Whether the members so far end in `"audit_logs": [`; looks only at their end. */
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

  /** Whether the list that begins here is a page's list of events; if not, nothing that follows can make it one. */
  private atEvents(): boolean {
    try {
      const members = JSON.parse(`${Buffer.from(this.members).toString('utf8')}]}`)
      return Array.isArray(members.audit_logs) && !isEvent(members)
    } catch {
      return false
    }
  }

  /** Whether this is a page whose server writes an empty list as null. */
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
      throw new PageError('is not JSON')
    }
    if (isEvent(members)) throw new PageError('is an event and a page at once')
    const { audit_logs: list, count, next_cursor: cursor } = members
    // The list of events is not in `members`, so a list with content is a second one.
    if (this.behindEvents && !(Array.isArray(list) && list.length === 0)) throw new PageError('has two lists of events')
    if (cursor !== undefined && cursor !== null && typeof cursor !== 'string') {
      throw new PageError('has a next_cursor that is not a text')
    }
    if (typeof count === 'number' && count !== this.events) {
      throw new PageError(`states ${count} events and holds ${this.events}`)
    }
    // Some servers end with an empty text.
    this.nextCursor = cursor || null
    this.range = [members.range_start_time, members.range_end_time]
  }
}
