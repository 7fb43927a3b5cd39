/** The four dialects: parses a request and generates the text of its answer. */

import { eventsIn, type View, type World } from './world.js'

export type Dialect = 'classic' | 'between' | 'current' | 'multi-tenant'

const DAY_MS = 86_400_000
const PIECE_CHARACTERS = 64 * 1024
const DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2})?)?)?$/

/** The largest `limit`, which is also the default. */
const LARGEST_LIMIT = { current: 20_000, 'multi-tenant': 1_000_000 }

export interface Answer {
  readonly range: { readonly from: Date; readonly to: Date }
  readonly contentType: string
  readonly body: Iterable<string>
}

/** A request that W&B would answer with status 400. */
export class BadRequest extends Error {}

export interface Request {
  readonly query: URLSearchParams
  readonly asOf: Date
  readonly world: World
  readonly largestNumDays: number
  /** Paused generators by cursor; without them each page would be generated from the start of the range. */
  readonly paused: Map<string, Generator<string>>
  /** Added to the count that a page states. */
  readonly miscount: number
  /** Whether it takes `startDate` and `endDate` for whole days, whatever hours they name. */
  readonly ignoresHours: boolean
  /** Called for each event that it sends. */
  onEvent(): void
}

export function answer(dialect: Dialect, request: Request): Answer {
  const { query } = request
  const now = request.asOf.getTime()
  const numDays = wholeNumber(query, 'numDays', 0)
  if (numDays > request.largestNumDays) throw new BadRequest(`numDays must be at most ${request.largestNumDays}`)
  const anonymize = dialect !== 'multi-tenant' && query.get('anonymize') === 'true'
  if (dialect === 'classic') {
    return stream(request, { from: today(now) - numDays * DAY_MS, to: today(now) + DAY_MS, asOf: now, anonymize })
  }
  if (dialect === 'between') {
    const start = instant(query, 'startDate')
    if (start !== null && start % DAY_MS !== 0) throw new BadRequest('invalid startDate')
    // Documentation of its time has numDays count backward from startDate, and forward: nobody may rely on either.
    if (start !== null && numDays > 0) throw new BadRequest('startDate with numDays is ambiguous')
    const from = start ?? today(now) - numDays * DAY_MS
    return stream(request, { from, to: from + (numDays + 1) * DAY_MS, asOf: now, anonymize })
  }
  const days = dialect === 'multi-tenant' ? Math.min(numDays, 7) : numDays
  const asked = range(query, days, now)
  const view = { ...(request.ignoresHours ? inWholeDays(asked) : asked), asOf: now, anonymize }
  const paged = dialect === 'multi-tenant' || query.has('limit') || query.has('endDate')
  if (!paged && query.has('cursor')) throw new BadRequest('cursor needs limit or endDate')
  return paged ? page(request, view, LARGEST_LIMIT[dialect]) : stream(request, view)
}

const today = (now: number): number => Math.floor(now / DAY_MS) * DAY_MS

function wholeNumber(query: URLSearchParams, key: string, whenAbsent: number): number {
  const text = query.get(key)
  if (text === null) return whenAbsent
  if (!/^\d{1,9}$/.test(text)) throw new BadRequest(`invalid ${key}`)
  return Number(text)
}

function range(query: URLSearchParams, numDays: number, now: number): { from: number; to: number } {
  const start = instant(query, 'startDate')
  const end = instant(query, 'endDate')
  if (end !== null && query.has('numDays')) throw new BadRequest('endDate cannot be used with numDays')
  const from = start ?? today(now) - numDays * DAY_MS
  const to = end ?? (start === null ? today(now) + DAY_MS : from + (numDays + 1) * DAY_MS)
  return { from, to }
}

const inWholeDays = ({ from, to }: { from: number; to: number }): { from: number; to: number } => ({
  from: Math.floor(from / DAY_MS) * DAY_MS,
  to: Math.ceil(to / DAY_MS) * DAY_MS,
})

function instant(query: URLSearchParams, key: string): number | null {
  const text = query.get(key)
  if (text === null) return null
  const at = DATE.test(text) ? Date.parse(`${text}${'T00:00:00'.slice(text.length - 10)}Z`) : Number.NaN
  if (Number.isNaN(at)) throw new BadRequest(`invalid ${key}`)
  return at
}

function stream(request: Request, view: View): Answer {
  function* lines(): Generator<string> {
    for (const event of eventsIn(request.world, view)) {
      request.onEvent()
      yield `${event}\n`
    }
  }
  return { range: dates(view), contentType: 'application/x-ndjson', body: pieces(lines()) }
}

/** What a cursor encodes; a request with one must ask for the same range and anonymize. */
interface Position extends View {
  readonly skip: number
}

function page(request: Request, asked: View, largest: number): Answer {
  const limit = wholeNumber(request.query, 'limit', largest)
  if (limit < 1 || limit > largest) throw new BadRequest(`limit must be between 1 and ${largest}`)
  const cursor = request.query.get('cursor')
  const position = cursor === null ? { ...asked, skip: 0 } : positionOf(cursor, asked)
  const events = (cursor === null ? undefined : request.paused.get(cursor)) ?? skipped(request.world, position)
  if (cursor !== null) request.paused.delete(cursor)

  function* text(): Generator<string> {
    yield '{"audit_logs":['
    let count = 0
    // Fetches one event ahead, because only that shows whether another page follows.
    let next = events.next()
    while (next.done !== true && count < limit) {
      yield `${count === 0 ? '' : ','}${next.value}`
      request.onEvent()
      count++
      if (count < limit) next = events.next()
    }
    const ahead = next.done === true ? next : events.next()
    const following = ahead.done === true ? null : cursorOf({ ...position, skip: position.skip + count })
    if (following !== null && ahead.done !== true) request.paused.set(following, chained(ahead.value, events))
    yield `],"range_start_time":"${rfc3339(asked.from)}","range_end_time":"${rfc3339(asked.to)}",`
    yield `"count":${count + request.miscount},"next_cursor":${JSON.stringify(following)}}\n`
  }
  return { range: dates(asked), contentType: 'application/json', body: pieces(text()) }
}

const cursorOf = (position: Position): string => Buffer.from(JSON.stringify(position)).toString('base64url')

function positionOf(cursor: string, asked: View): Position {
  let position: Position
  try {
    position = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    throw new BadRequest('invalid cursor')
  }
  if (position.from !== asked.from || position.to !== asked.to || position.anonymize !== asked.anonymize) {
    throw new BadRequest('cursor does not match the date range')
  }
  return position
}

function skipped(world: World, position: Position): Generator<string> {
  const events = eventsIn(world, position)
  for (let i = 0; i < position.skip; i++) events.next()
  return events
}

function* chained(first: string, rest: Generator<string>): Generator<string> {
  yield first
  yield* rest
}

const rfc3339 = (at: number): string => new Date(at).toISOString().replace('.000Z', 'Z')
const dates = (view: View) => ({ from: new Date(view.from), to: new Date(view.to) })

/** Joins short texts into pieces large enough for a write. */
function* pieces(texts: Iterable<string>): Generator<string> {
  let piece = ''
  for (const text of texts) {
    piece += text
    if (piece.length < PIECE_CHARACTERS) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}
