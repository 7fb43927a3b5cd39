/**
 * Requests to a URL that a setting names: JSON that is posted to a webhook, or a ping. The path or query is secret, so messages
 * show only the origin.
 */

import { EnvHttpProxyAgent, request } from 'undici'
import { requireUsableProxies } from './address.js'
import { AuditError, usageError } from './errors.js'
import { REQUEST_RETRIES, type RetryPolicy, retryingRequest } from './retry.js'
import { connectionError } from './stores/network.js'

export interface Webhook {
  /** For messages: without a path, which may be a secret. */
  readonly id: string
  /** @throws AuditError when it is not certain that the webhook has taken it; `outside` when the body cannot be the cause */
  post(body: unknown, signal: AbortSignal): Promise<void>
  /**
   * Requests the URL itself, or a path below it: `fail`.
   *
   * @throws AuditError when the answer is not 2xx
   */
  get(below: string | null, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface Purpose {
  /** Names the option, for messages: `the anchor`. */
  readonly what: string
  readonly option: string
  /** What cannot be done if it fails: `send the hash of a seal`. */
  readonly doing: string
  /** For each step of a request, in milliseconds. */
  readonly timeoutMs?: number
}

interface Message {
  readonly method: 'GET' | 'POST'
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

const TIMEOUT_MS = 30_000

/** @throws AuditError, exit code 2, when the address is not an https URL, or contains a login */
export function openWebhook(address: string, purpose: Purpose, retries: RetryPolicy = REQUEST_RETRIES): Webhook {
  const { what, option, timeoutMs = TIMEOUT_MS } = purpose
  const url = URL.canParse(address) ? new URL(address) : null
  const isLocal = url !== null && /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(url.hostname)
  if (url === null || !/^https?:$/.test(url.protocol) || (url.protocol !== 'https:' && !isLocal))
    throw usageError(`${what} needs an https URL`, 'For example https://hooks.example.com/wandb-audit.')
  if (url.username !== '' || url.password !== '')
    throw usageError(`${what} at ${url.origin} holds a login`, 'Use a webhook whose path or query is the secret.')
  requireUsableProxies(process.env)
  const dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    ...(isLocal ? { noProxy: '*' } : {}),
  })
  const id = url.origin
  const doing = `${purpose.doing} to ${id}`
  async function send(to: URL, message: Message, signal: AbortSignal): Promise<void> {
    const response = await request(to, { ...message, dispatcher, signal }).catch((error) => {
      const { message, retryable } = connectionError(doing, error)
      const advice = `Check the URL of ${option}, and that this machine reaches it.`
      throw new AuditError(message, { advice, retryable, outside: true, cause: error })
    })
    // Whatever it says is not needed; a webhook may answer with the request, which holds its secret.
    response.body.on('error', () => {}).destroy()
    const { statusCode: status } = response
    if (status >= 200 && status < 300) return
    throw new AuditError(`could not ${doing}: it answered ${status}`, {
      advice: `Check the URL of ${option} and its secret.`,
      retryable: isServersFault(status),
      outside: isServersFault(status),
    })
  }
  return {
    id,
    post(body, signal) {
      const headers = { 'content-type': 'application/json' }
      const message = { method: 'POST', body: JSON.stringify(body), headers } as const
      return retryingRequest(() => send(url, message, signal), signal, retries)
    },
    get(below, signal) {
      const to = new URL(url)
      if (below !== null) to.pathname = `${to.pathname.replace(/\/$/, '')}/${below}`
      return retryingRequest(() => send(to, { method: 'GET' }, signal), signal, retries)
    },
    close: () => dispatcher.destroy(),
  }
}

/** Overload, or an error of the server. */
const isServersFault = (status: number): boolean => status === 429 || status >= 500
