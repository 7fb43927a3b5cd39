/** What stores over HTTP share: trying again, connections that break, bodies that arrive short. */

import { AuditError, type ErrorDetails, interrupted } from '../errors.js'
import { retrying } from '../retry.js'

/** How often a request is repeated, and the first pause before that, in milliseconds; each later one is three times as long. */
export interface Patience {
  readonly retries: number
  readonly pauseMs: number
}

/** Half a minute to a minute in all: throttling that outlasts it is for the next run. */
export const PATIENCE: Patience = { retries: 5, pauseMs: 200 }

/**
 * Repeats `attempt` while it fails with a retryable AuditError.
 *
 * @throws AuditError of the last attempt; no longer retryable, for every repeat is used up
 */
export async function trying<T>(attempt: () => Promise<T>, signal: AbortSignal, patience: Patience): Promise<T> {
  try {
    return await retrying(attempt, signal, patience.retries, patience.pauseMs)
  } catch (error) {
    if (signal.aborted) throw interrupted()
    throw error instanceof AuditError && error.retryable ? givenUp(error, patience.retries) : error
  }
}

/** Does not wait for `promise` any longer than the signal lets it, for clients that take none. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(interrupted())
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function givenUp({ message, advice, cause }: AuditError, retries: number): AuditError {
  return new AuditError(`${message} (tried ${retries + 1} times)`, {
    ...(advice === undefined ? {} : { advice }),
    cause,
  })
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|^ERR_TLS/
const NETWORK_ADVICE = 'Check network, VPN, proxy and firewall.'

const NETWORK: Readonly<Record<string, ErrorDetails & { readonly what: string }>> = {
  ENOTFOUND: { what: 'there is no host of that name', advice: 'Check the address, and the DNS of this machine.' },
  EAI_AGAIN: { what: 'the name of the host could not be looked up', advice: NETWORK_ADVICE, retryable: true },
  ECONNREFUSED: { what: 'the connection was refused', advice: NETWORK_ADVICE, retryable: true },
  EHOSTUNREACH: { what: 'no way leads to the host', advice: NETWORK_ADVICE, retryable: true },
  ENETUNREACH: { what: 'no way leads to the host', advice: NETWORK_ADVICE, retryable: true },
  EPROTO: { what: 'the two sides found no common TLS', advice: 'Check whether the port speaks https.' },
  ERR_SSL_WRONG_VERSION_NUMBER: { what: 'the port does not speak https', advice: 'Check the endpoint.' },
  AbortError: { what: 'nothing was heard for too long', advice: NETWORK_ADVICE, retryable: true },
  UND_ERR_CONNECT_TIMEOUT: { what: 'no connection in time', advice: NETWORK_ADVICE, retryable: true },
  UND_ERR_HEADERS_TIMEOUT: { what: 'no answer in time', advice: NETWORK_ADVICE, retryable: true },
  UND_ERR_BODY_TIMEOUT: { what: 'the answer stopped arriving', advice: NETWORK_ADVICE, retryable: true },
}

/**
 * A connection that failed, before or inside an answer.
 *
 * @param doing for example `reading gs://bucket/key`
 */
export function networkFailure(doing: string, error: unknown): AuditError {
  const code = codeOf(error)
  if (CERTIFICATE.test(code)) {
    return new AuditError(`${doing} failed: the certificate of the host is not trusted (${code})`, {
      advice: 'If your own authority or a proxy signed it, name the .pem with that certificate in NODE_EXTRA_CA_CERTS.',
    })
  }
  const { what, ...details } = NETWORK[code] ?? {
    what: `the connection broke (${code})`,
    advice: 'The next run tries again.',
    retryable: true,
  }
  return new AuditError(`${doing} failed: ${what}`, details)
}

/** Clients wrap the system's error, and Node collects one for each of a host's addresses. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  if (error.cause instanceof Error) return codeOf(error.cause)
  return 'code' in error && error.code !== undefined ? String(error.code) : error.name
}

/**
 * The pieces of a body that must have `expected` bytes; null where only the connection tells its end.
 *
 * @param end ends the connection when nobody reads on
 * @throws (the iteration) AuditError, retryable, when it breaks off
 */
export async function* wholeBody(
  body: AsyncIterable<Uint8Array>,
  expected: number | null,
  doing: string,
  signal: AbortSignal,
  end: () => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  try {
    for await (const chunk of body) {
      bytes += chunk.length
      yield chunk
    }
  } catch (error) {
    if (signal.aborted) throw interrupted()
    throw error instanceof AuditError ? error : networkFailure(doing, error)
  } finally {
    end()
  }
  if (expected !== null && bytes !== expected) {
    throw new AuditError(`${doing} failed: ${bytes} bytes arrived of ${expected}`, {
      retryable: true,
      advice: 'The next run reads it again.',
    })
  }
}

/** How long a server may be silent, in milliseconds. */
const QUIET_MS = 120_000

export interface Watch {
  readonly signal: AbortSignal
  /** Something moved. */
  heard(): void
  /** The same pieces; while a piece is used, nothing is waited for. */
  over(body: AsyncIterable<string | Uint8Array>): AsyncIterable<Uint8Array>
  end(): void
}

/** For clients without a limit of their own: a signal that also ends what goes on when nothing is heard for too long. */
export function watched(signal: AbortSignal): Watch {
  const silence = new AbortController()
  const abort = (): void => silence.abort()
  let timer = setTimeout(abort, QUIET_MS)
  return {
    signal: AbortSignal.any([signal, silence.signal]),
    heard: () => void timer.refresh(),
    async *over(body) {
      for await (const chunk of body) {
        clearTimeout(timer)
        yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
        timer = setTimeout(abort, QUIET_MS)
      }
    },
    end() {
      clearTimeout(timer)
      silence.abort()
    },
  }
}
