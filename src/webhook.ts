/** JSON that is posted to a webhook. Its path or query is the secret, so no message has more of its address than the origin. */

import { EnvHttpProxyAgent, request } from 'undici'
import { requireUsableProxies } from './address.js'
import { AuditError, usageError } from './errors.js'
import { REQUEST_RETRIES, type RetryPolicy, retryingRequest } from './retry.js'
import { connectionError } from './stores/network.js'

export interface Webhook {
  /** For messages: without a path, which may be a secret. */
  readonly id: string
  /** @throws AuditError when it is not certain that the webhook has taken it */
  post(body: unknown, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface Purpose {
  /** Names the option, for messages: `the anchor`. */
  readonly what: string
  readonly option: string
  /** What cannot be done if it fails: `send the hash of a seal`. */
  readonly doing: string
}

const TIMEOUT_MS = 30_000

/** @throws AuditError, exit code 2, when the address is no https URL, or holds a login */
export function openWebhook(address: string, purpose: Purpose, retries: RetryPolicy = REQUEST_RETRIES): Webhook {
  const { what, option } = purpose
  const url = URL.canParse(address) ? new URL(address) : null
  const isLocal = url !== null && /^(?:localhost|\[::1\]|127(?:\.\d{1,3}){3})$/.test(url.hostname)
  if (url === null || !/^https?:$/.test(url.protocol) || (url.protocol !== 'https:' && !isLocal))
    throw usageError(`${what} needs an https URL`, 'For example https://hooks.example.com/wandb-audit.')
  if (url.username !== '' || url.password !== '')
    throw usageError(`${what} at ${url.origin} holds a login`, 'Use a webhook whose path or query is the secret.')
  requireUsableProxies(process.env)
  const dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: TIMEOUT_MS },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    ...(isLocal ? { noProxy: '*' } : {}),
  })
  const id = url.origin
  const doing = `${purpose.doing} to ${id}`
  async function post(body: string, signal: AbortSignal): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const response = await request(url as URL, { method: 'POST', body, headers, dispatcher, signal }).catch((error) => {
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
      retryable: status === 429 || status >= 500,
      outside: true,
    })
  }
  return {
    id,
    post: (body, signal) => retryingRequest(() => post(JSON.stringify(body), signal), signal, retries),
    close: () => dispatcher.destroy(),
  }
}
