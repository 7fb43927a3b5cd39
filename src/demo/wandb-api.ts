/**
 * A local stand-in of the W&B audit-log API for the demo and the tests: all four dialects, generated data, and on request
 * every fault that a client may meet.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen } from './listening.js'
import { type Answer, answer, BadRequest, type Dialect } from './wandb-api/answers.js'
import { answerFault, type Fault, send } from './wandb-api/faults.js'

export type { Fault } from './wandb-api/faults.js'

export interface WandbApiOptions {
  /** Which API it speaks; `current` when absent. */
  readonly dialect?: Dialect
  /** The generated world, and its events per day; 1 and 400 when absent. */
  readonly seed?: number
  readonly eventsPerDay?: number
  /** From this instant on some projects have new names. */
  readonly renamedAt?: Date | null
  /** Midnight of the UTC day of an attack, in milliseconds since 1970; none when absent. */
  readonly incidentOn?: number
  /** The server's clock; this machine's when absent. */
  now?(): Date
  /** The only login it accepts: `api` and `local-demo-key` when absent. */
  readonly username?: string
  readonly key?: string
  /** A larger `numDays` is refused. */
  readonly largestNumDays?: number
  /** Whether it serves whole days, whatever hours `startDate` and `endDate` name. */
  readonly ignoresHours?: boolean
  /** The faults of the first request, the second, and so on; null for none. */
  readonly faults?: readonly (Fault | null)[]
}

export interface RequestLogEntry {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** The range for which the server took the query; null when it refused the request. */
  readonly range: { readonly from: Date; readonly to: Date } | null
}

export interface WandbApi {
  readonly url: string
  /** Every request so far, oldest first; never the key. */
  readonly requests: readonly RequestLogEntry[]
  /** How many events it has sent. */
  readonly events: number
  close(): Promise<void>
}

/** How many cursors keep their paused generator; older ones are generated again when needed. */
const PAUSED_CURSORS = 8

/** Starts the stand-in on 127.0.0.1, on a port chosen by the system. */
export async function startWandbApi(options: WandbApiOptions = {}): Promise<WandbApi> {
  const dialect = options.dialect ?? 'current'
  const path = dialect === 'multi-tenant' ? '/audit_logs' : '/admin/audit_logs'
  const login = `${options.username ?? 'api'}:${options.key ?? 'local-demo-key'}`
  const world = {
    seed: options.seed ?? 1,
    eventsPerDay: options.eventsPerDay ?? 400,
    renamedAt: options.renamedAt ?? null,
    incidentOn: options.incidentOn,
  }
  const faults = [...(options.faults ?? [])]
  const requests: RequestLogEntry[] = []
  let events = 0
  const onEvent = (): void => {
    events++
  }
  const paused = new Map<string, Generator<string>>()

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const asOf = options.now?.() ?? new Date()
    response.setHeader('date', asOf.toUTCString())
    const log = (range: RequestLogEntry['range']): void => {
      const query = Object.fromEntries(url.searchParams)
      requests.push({ method: request.method ?? '', path: url.pathname, query, range })
    }
    const fault = faults.shift() ?? null
    if (fault !== null && answerFault(fault, response)) return log(null)
    const refusal = refused(request, url, path, login)
    if (refusal !== null) {
      log(null)
      response.writeHead(refusal.status, { 'content-type': 'text/plain' }).end(refusal.text)
      return
    }
    let found: Answer
    try {
      const miscount = fault?.kind === 'wrong-count' ? 1 : 0
      const largestNumDays = options.largestNumDays ?? Number.POSITIVE_INFINITY
      const { ignoresHours = false } = options
      const query = url.searchParams
      found = answer(dialect, { query, asOf, world, largestNumDays, paused, miscount, ignoresHours, onEvent })
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error
      log(null)
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: error.message }))
      return
    }
    log(found.range)
    response.setHeader('content-type', found.contentType)
    await send(response, found.body, fault)
    for (const cursor of [...paused.keys()].slice(0, -PAUSED_CURSORS)) paused.delete(cursor)
  }

  const { url, close } = await listen(serve)
  return {
    url,
    requests,
    get events() {
      return events
    },
    close,
  }
}

function refused(
  request: IncomingMessage,
  url: URL,
  path: string,
  login: string,
): { readonly status: number; readonly text: string } | null {
  if (url.pathname !== path) return { status: 404, text: 'not found' }
  if (request.method !== 'GET') return { status: 405, text: 'method not allowed' }
  const expected = `Basic ${Buffer.from(login).toString('base64')}`
  return request.headers.authorization === expected ? null : { status: 401, text: 'unauthorized' }
}
