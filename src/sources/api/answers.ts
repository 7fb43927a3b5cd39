/** The bytes of one document: a classic answer, or all pages of a window. */

import { createHash } from 'node:crypto'
import { AuditError } from '../../errors.js'
import { Output, Page, PageError } from '../../pages/page.js'
import type { ApiAddress, Dialect } from './address.js'
import type { Answer, ApiClient, Query } from './client.js'
import { dayOf, dayText } from './days.js'
import { cutShort, StatusFailure } from './failures.js'

const LF = 0x0a
const SPACE = 0x20

/** A longer last line is not checked here; if it is cut, it becomes a reject. */
const LONGEST_TAIL_BYTES = 1 << 20

/** How often to probe for the server's dialect when answers break off. */
const PROBES = 4

/** Of a stream's first line, this much is looked at. */
const FIRST_LINE_CHARACTERS = 64 * 1024

/** Two billion events in a day: stops a server that names a next page forever. */
const MOST_PAGES = 100_000

/** The ranges that a server can be asked for: to the second, whole UTC days, or only everything from a day until now. */
export type Windows = 'seconds' | 'days' | 'onward'

export interface Probe {
  readonly dialect: Dialect
  readonly windows: Windows
  readonly serverDate: Date | null
}

/** A week ago no day has ended recently, by any clock, and none is today. */
const PROBED_DAYS_AGO = 7

/**
 * Asks for one event, as the newer dialects expect. A page repeats the range that the server took: one that does not repeat
 * the hour asked for is asked for days only. Older servers stream: that of the day asked for, or of today.
 *
 * @param common sent with every request
 * @throws AuditError when the login, the URL or the network is at fault
 */
export async function probe(client: ApiClient, common: Query, now: Date, signal: AbortSignal): Promise<Probe> {
  const day = dayOf(now) - PROBED_DAYS_AGO
  const ask = (query: Query): Promise<Asked> =>
    asked(client, { ...common, startDate: dayText(day), limit: '1', ...query }, signal)
  if (client.address.multiTenant) {
    const { serverDate, page } = await ask({ numDays: '0' })
    return page === null
      ? { dialect: 'classic', windows: 'onward', serverDate }
      : { dialect: 'multi-tenant', windows: 'days', serverDate }
  }
  const [from, to] = [`${dayText(day)}T01:00:00`, `${dayText(day)}T02:00:00`]
  const hour = await ask({ startDate: from, endDate: to }).catch((error) => {
    if (error instanceof StatusFailure && error.status === 400) return null
    throw error
  })
  if (hour !== null && hour.page !== null) {
    const [start, end] = hour.page.range.map((text) => Date.parse(String(text)))
    const isSame = start === Date.parse(`${from}Z`) && end === Date.parse(`${to}Z`)
    return { dialect: 'current', windows: isSame ? 'seconds' : 'days', serverDate: hour.serverDate }
  }
  const { serverDate, page, firstLine } = await ask({ endDate: dayText(day + 1) })
  if (page !== null) return { dialect: 'current', windows: 'days', serverDate }
  return timeIn(firstLine)?.startsWith(dayText(day))
    ? { dialect: 'between', windows: 'days', serverDate }
    : { dialect: 'classic', windows: 'onward', serverDate }
}

interface Asked {
  readonly serverDate: Date | null
  /** Null when the answer is a stream. */
  readonly page: PageReader | null
  /** Of a stream. */
  readonly firstLine: string
}

async function asked(client: ApiClient, query: Query, signal: AbortSignal): Promise<Asked> {
  for (let attempt = 1; ; attempt++) {
    const { body, date: serverDate } = await client.get(query, signal)
    try {
      return { serverDate, ...(await begun(client.address, body)) }
    } catch (error) {
      if (!(error instanceof AuditError && error.retryable) || attempt === PROBES) throw error
    }
  }
}

async function begun(address: ApiAddress, body: AsyncIterable<Uint8Array>): Promise<Pick<Asked, 'page' | 'firstLine'>> {
  const page = new PageReader(address)
  let text = ''
  for await (const chunk of body) {
    if (text.length < FIRST_LINE_CHARACTERS) text += Buffer.from(chunk).toString('latin1')
    page.push(chunk)
    // A stream may go on and on; its first line is enough.
    if (page.state === 'not a page') break
  }
  if (page.state === 'inside') throw cutShort(address, 'breaks off inside an object')
  return { page: page.state === 'whole' ? page : null, firstLine: text.split('\n', 1)[0] ?? '' }
}

/** The timestamp in a line; null when it has none. */
function timeIn(line: string): string | null {
  try {
    return String(JSON.parse(line).timestamp)
  } catch {
    return null
  }
}

/** @throws AuditError, retryable, when the last line is cut off */
export async function* wholeLines(address: ApiAddress, answer: Answer): AsyncGenerator<Uint8Array> {
  let tail: Uint8Array[] = []
  let length = 0
  for await (const chunk of answer.body) {
    const end = chunk.lastIndexOf(LF)
    if (end !== -1) {
      tail = []
      length = 0
    }
    length += chunk.length - end - 1
    if (length <= LONGEST_TAIL_BYTES) tail.push(chunk.subarray(end + 1))
    yield chunk
  }
  if (length > LONGEST_TAIL_BYTES) return
  const last = Buffer.concat(tail).toString('utf8').trim()
  if (last !== '' && !isJson(last)) throw cutShort(address, 'breaks off inside a line')
}

/**
 * The events of all pages, one per line.
 *
 * @param query sent for every page, so that the range and anonymize stay the same
 * @param answer to the first request
 * @throws AuditError, retryable, when a page breaks off, is lost or does not hold what it states
 */
export async function* allPages(
  client: ApiClient,
  query: Query,
  answer: Answer,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { address } = client
  const cursors = new Set<string>()
  for (let { body } = answer; ; ) {
    const reader = new PageReader(address)
    for await (const chunk of body) {
      const events = reader.push(chunk)
      if (reader.state === 'not a page') throw noPage(address)
      if (events.length > 0) yield events
    }
    if (reader.state !== 'whole') throw cutShort(address, 'breaks off inside a page')
    const { nextCursor: cursor } = reader
    if (cursor === null) return
    if (cursors.has(digest(cursor))) throw cutShort(address, 'names the same next page twice')
    if (cursors.size === MOST_PAGES) {
      throw new AuditError(`${address.endpoint} answered with more than ${MOST_PAGES} pages; none of them was loaded`, {
        advice: 'Load one day at a time. If that fails too, report it to W&B: no day has that many events.',
      })
    }
    cursors.add(digest(cursor))
    body = (await client.get({ ...query, cursor }, signal)).body
  }
}

/** Reads an answer that must consist of exactly one page. */
class PageReader {
  state: 'nothing' | 'inside' | 'whole' | 'not a page' = 'nothing'
  private readonly page = new Page()
  private readonly address: ApiAddress

  constructor(address: ApiAddress) {
    this.address = address
  }

  get nextCursor(): string | null {
    return this.page.nextCursor
  }

  get range(): readonly unknown[] {
    return this.page.range
  }

  /**
   * Returns the events of the chunk, one per line.
   *
   * @throws AuditError, retryable, when the page is damaged
   */
  push(chunk: Uint8Array): Uint8Array {
    const output = new Output(chunk)
    const { page } = this
    if (this.state === 'whole') {
      if (!isBlank(chunk)) this.state = 'not a page'
      return output.bytes()
    }
    try {
      const { left, state } = page.push(chunk, output)
      if (state === 'not a page' || (left !== null && !isBlank(left))) this.state = 'not a page'
      else if (state === 'done') this.state = 'whole'
      else if (page.begun) this.state = 'inside'
    } catch (error) {
      throw error instanceof PageError ? cutShort(this.address, `is a page that ${error.message}`) : error
    }
    return output.bytes()
  }
}

const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte <= SPACE)

const noPage = (address: ApiAddress): AuditError =>
  new AuditError(`${address.endpoint} answered with something other than a page of audit logs`, {
    advice: 'If this is an older W&B server, use --api classic.',
  })

/** Keeps the set of cursors small, because a cursor may be of any length. */
const digest = (cursor: string): string => createHash('sha256').update(cursor).digest('base64')

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
