/** Sends requests to the JSON API of Google Cloud Storage, and retries them. */

import { Readable } from 'node:stream'
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { AuditError } from '../../errors.js'
import { orAborted, type RetryPolicy, retryingRequest } from '../../retry.js'
import { connectionError } from '../network.js'
import { gcsFailure } from './failures.js'
import { gcsLogin } from './login.js'

const GOOGLE = 'https://storage.googleapis.com'

export interface GcsRequest {
  /** For messages: `read gs://bucket/key`. */
  readonly doing: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Called once for each attempt. */
  body?(): AsyncIterable<Uint8Array>
}

export interface GcsClient {
  /**
   * @param take processes an answer with a status below 300 or one of `also`; when it throws, the request is retried
   * @throws AuditError saying what to do
   */
  send<T>(
    request: GcsRequest,
    also: readonly number[],
    take: (response: Dispatcher.ResponseData) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>
  close(): Promise<void>
}

/** @param payer the project that is billed: https://cloud.google.com/storage/docs/requester-pays */
export function gcsClient(
  endpoint: string | undefined,
  payer: string | undefined,
  retryPolicy: RetryPolicy,
): GcsClient {
  const base = (endpoint ?? GOOGLE).replace(/\/+$/, '')
  const login = gcsLogin(new URL(base), endpoint === undefined)
  const billed = payer === undefined ? {} : { userProject: payer }
  const timing = { connect: { timeout: 15_000 }, headersTimeout: 120_000, bodyTimeout: 120_000 }
  // HTTPS_PROXY and NO_PROXY apply, as they do for the login; plain http goes directly.
  const agent = base.startsWith('https:') ? new EnvHttpProxyAgent(timing) : new Agent(timing)
  return {
    send({ doing, method, path, query, headers, body }, also, take, signal) {
      // A query may have a plus for a space, but not every server accepts that.
      const url = `${base}${path}?${String(new URLSearchParams({ ...query, ...billed })).replaceAll('+', '%20')}`
      return retryingRequest(
        async () => {
          const logins = await orAborted(login.headers(), signal)
          try {
            const response = await request(url, {
              dispatcher: agent,
              method,
              headers: { ...headers, ...logins },
              body: body === undefined ? null : Readable.from(body()),
              signal,
            })
            if (response.statusCode < 300 || also.includes(response.statusCode)) return await take(response)
            const text = await response.body.text()
            throw gcsFailure(doing, response.statusCode, text, Object.keys(logins).length === 0)
          } catch (error) {
            throw error instanceof AuditError ? error : connectionError(doing, error)
          }
        },
        signal,
        retryPolicy,
      )
    },
    async close() {
      await agent.destroy()
    },
  }
}
