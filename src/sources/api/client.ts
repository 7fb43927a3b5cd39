/** Sends a GET to the audit-log API: login, timeouts, redirects, and retries. */

import { setTimeout as sleep } from 'node:timers/promises'
import pRetry from 'p-retry'
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { requireUsableProxies } from '../../address.js'
import { AuditError, interrupted } from '../../errors.js'
import { retriesExhausted } from '../../retry.js'
import type { ApiAddress } from './address.js'
import type { Credentials } from './credentials.js'
import {
  contentFailure,
  cutShort,
  encodedFailure,
  HEAD_BYTES,
  networkFailure,
  redirectFailure,
  statusFailure,
} from './failures.js'
import { proxyClient } from './tunnel.js'

const MOST_REDIRECTS = 5
const LONGEST_RETRY_AFTER_MS = 10 * 60_000

/** Statuses by which the server says that it does not know, or no longer knows, a cursor. */
const CURSOR_UNKNOWN = new Set([400, 404, 410])

/** All in milliseconds. */
export interface Timing {
  readonly connectMs: number
  /** From the request to the first byte of the answer; a busy server may search for a while. */
  readonly headersMs: number
  /** Between two chunks of the answer. */
  readonly idleMs: number
  /** How often a request is retried, and the pause before the first retry; later pauses double. */
  readonly retries: number
  readonly pauseMs: number
}

const TIMING: Timing = { connectMs: 15_000, headersMs: 300_000, idleMs: 120_000, retries: 5, pauseMs: 1000 }

export type Query = Readonly<Record<string, string>>

export interface Answer {
  /** The server's clock, from its `date` header. */
  readonly date: Date | null
  /** The iteration rejects with a retryable AuditError when the body does not arrive whole. */
  readonly body: AsyncIterable<Uint8Array>
}

export interface ApiClient {
  readonly address: ApiAddress
  /**
   * @throws AuditError saying what to do, after the last retry. Retryable when the server lost a page: the document then
   * has to be read again from its first page.
   */
  get(query: Query, signal: AbortSignal): Promise<Answer>
  close(): Promise<void>
}

/**
 * @param wait sleeps as long as a Retry-After header asks; injected by tests
 * @throws AuditError (usage) when the environment names a proxy by something other than a URL
 */
export function apiClient(
  address: ApiAddress,
  credentials: Credentials,
  timing: Timing = TIMING,
  wait: (ms: number, signal: AbortSignal) => Promise<unknown> = (ms, signal) => sleep(ms, undefined, { signal }),
): ApiClient {
  const agent = agentFor(address, timing)
  const login = Buffer.from(`${credentials.username}:${credentials.key}`).toString('base64')
  const headers = {
    authorization: `Basic ${login}`,
    accept: 'application/json, application/x-ndjson',
    'accept-encoding': 'identity',
  }

  async function exchange(query: Query, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    let url = new URL(`${address.endpoint}?${new URLSearchParams(query)}`)
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const response = await request(url, { dispatcher: agent, headers, signal }).catch((error) => {
        throw networkFailure(address, error)
      })
      if (response.statusCode < 300 || response.statusCode >= 400) return response
      await response.body.dump()
      const location = String(response.headers.location ?? '')
      if (!URL.canParse(location, url.href)) throw statusFailure(address, response.statusCode, '')
      const target = new URL(location, url)
      if (target.origin !== url.origin) throw redirectFailure(address, target)
      url = target
    }
    throw redirectFailure(address, null)
  }

  /** Set when the server asked for a long pause, so that the next day is not requested during it. */
  let pause: { readonly until: number; readonly error: AuditError } | null = null

  async function get(query: Query, signal: AbortSignal): Promise<Answer> {
    if (pause !== null && Date.now() < pause.until) throw pause.error
    let retryAfterMs = 0
    let mayRetry = true
    async function attempt(): Promise<Answer> {
      const response = await exchange(query, signal)
      const { statusCode: status, headers } = response
      if (status === 200) {
        const body = await begun(address, response, signal)
        return { date: dateOf(headers.date), body }
      }
      retryAfterMs = retryAfter(headers['retry-after'], dateOf(headers.date) ?? new Date())
      const failure = statusFailure(address, status, await textOf(response))
      mayRetry = failure.retryable && retryAfterMs <= LONGEST_RETRY_AFTER_MS
      if (retryAfterMs > LONGEST_RETRY_AFTER_MS) {
        const advice = `W&B asks to wait ${Math.ceil(retryAfterMs / 60_000)} minutes: run it again after that.`
        pause = { until: Date.now() + retryAfterMs, error: new AuditError(failure.message, { advice }) }
        throw pause.error
      }
      if ('cursor' in query && CURSOR_UNKNOWN.has(status)) throw cutShort(address, 'lost its next page')
      throw failure
    }
    try {
      return await pRetry(attempt, {
        retries: timing.retries,
        minTimeout: timing.pauseMs,
        maxTimeout: 30_000,
        randomize: true,
        signal,
        onFailedAttempt: async ({ retriesLeft }) => {
          if (mayRetry && retryAfterMs > 0 && retriesLeft > 0) await wait(retryAfterMs, signal)
          retryAfterMs = 0
        },
        shouldRetry: ({ error }) => error instanceof AuditError && error.retryable && mayRetry,
      })
    } catch (error) {
      if (signal.aborted) throw interrupted()
      throw error instanceof AuditError && error.retryable && mayRetry ? retriesExhausted(error, timing.retries) : error
    }
  }

  return { address, get, close: () => agent.destroy() }
}

/**
 * Uses the proxy from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in either case; never for this machine itself.
 *
 * https://undici.nodejs.org/#/docs/api/EnvHttpProxyAgent
 */
function agentFor({ loopback }: ApiAddress, timing: Timing): Dispatcher {
  const limits = {
    connect: { timeout: timing.connectMs },
    headersTimeout: timing.headersMs,
    bodyTimeout: timing.idleMs,
  }
  if (loopback) return new Agent(limits)
  requireUsableProxies(process.env)
  return new EnvHttpProxyAgent({ ...limits, clientFactory: proxyClient(timing.connectMs) })
}

/** Awaits the first chunk, so that an answer that is not a log fails here, and one that breaks off early is retried. */
async function begun(
  address: ApiAddress,
  response: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const encoding = String(response.headers['content-encoding'] ?? 'identity')
  if (encoding !== 'identity') {
    // Nothing reads the body yet, so without a listener its end would crash the process.
    response.body.on('error', () => {}).destroy()
    throw encodedFailure(address, encoding)
  }
  const chunks = response.body[Symbol.asyncIterator]()
  const next = async (): Promise<Uint8Array | null> => {
    try {
      const { value, done } = await chunks.next()
      return done === true ? null : value
    } catch (error) {
      if (signal.aborted) throw interrupted()
      throw cutShort(address, `broke off (${networkFailure(address, error).message})`)
    }
  }
  let chunk = await next()
  const contentType = String(response.headers['content-type'] ?? '')
  const failure = contentFailure(address, contentType, text(chunk ?? new Uint8Array()))
  if (failure !== null) {
    response.body.destroy()
    throw failure
  }
  return (async function* () {
    try {
      for (; chunk !== null; chunk = await next()) yield chunk
    } finally {
      response.body.destroy()
    }
  })()
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES)).toString('utf8')

async function textOf(response: Dispatcher.ResponseData): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    for await (const piece of response.body) {
      pieces.push(piece)
      length += piece.length
      if (length >= HEAD_BYTES) break
    }
  } catch {
    // The status is enough; the body would only help to explain it.
  }
  return text(Buffer.concat(pieces))
}

function dateOf(header: string | string[] | undefined): Date | null {
  const at = Date.parse(String(header))
  return Number.isNaN(at) ? null : new Date(at)
}

/** Milliseconds that a Retry-After header asks for, given in seconds or as a date (RFC 9110 §10.2.3); 0 without one. */
export function retryAfter(header: string | string[] | undefined, now: Date): number {
  if (header === undefined) return 0
  const value = String(header).trim()
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? 0 : Math.max(0, at - now.getTime())
}
