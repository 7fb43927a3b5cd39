/** Errors of connections, with the same messages for every store. */

import { type Failure, sharedFailure } from '../connections.js'
import { AuditError } from '../errors.js'

export type { Failure }

const FAILURES: Readonly<Record<string, Failure>> = {
  ENOTFOUND: { what: 'no host has that name', advice: 'Check the endpoint, the region, and the DNS of this machine.' },
  EAI_AGAIN: { what: 'the name could not be looked up', advice: 'Check the DNS of this machine.', retryable: true },
  ECONNREFUSED: {
    what: 'the connection was refused',
    advice: 'Check host and port of the endpoint, and whether the store is running.',
    retryable: true,
  },
  EHOSTUNREACH: { what: 'the host is unreachable', advice: 'Check network, VPN and firewall.', retryable: true },
  ENETUNREACH: { what: 'the network is unreachable', advice: 'Check network, VPN and firewall.', retryable: true },
  ETIMEDOUT: { what: 'no answer came in time', advice: 'Check network, VPN and firewall.', retryable: true },
  ECONNRESET: { what: 'the connection was reset', advice: 'Check network and proxy; run it again.', retryable: true },
  EPIPE: { what: 'the connection was closed', advice: 'Check network and proxy; run it again.', retryable: true },
  UND_ERR_CONNECT_TIMEOUT: {
    what: 'no connection could be made in time',
    advice: 'Check network, VPN and firewall.',
    retryable: true,
  },
  UND_ERR_HEADERS_TIMEOUT: {
    what: 'no answer came in time',
    advice: 'Check network and proxy; run it again.',
    retryable: true,
  },
  UND_ERR_BODY_TIMEOUT: {
    what: 'the answer stopped arriving',
    advice: 'Check network and proxy; run it again.',
    retryable: true,
  },
}

/** Null when the error has no known code of a connection. Clients wrap errors, so causes are searched too. */
export function networkFailure(error: unknown): Failure | null {
  const shared = sharedFailure(error)
  if (shared !== null) return shared
  for (let at = error; at instanceof Error; at = at.cause) {
    const failure = 'code' in at ? FAILURES[String(at.code)] : undefined
    if (failure !== undefined) return failure
  }
  return null
}

/**
 * The error for a connection that failed before or during an answer.
 *
 * @param doing for example `read gs://bucket/key`
 */
export function connectionError(doing: string, error: unknown): AuditError {
  const name = nameOf(error)
  const { what, ...details } = networkFailure(error) ?? {
    what: name === 'AbortError' ? 'the server was silent for too long' : `the connection broke (${name})`,
    advice: 'Run it again; it continues where it stopped.',
    retryable: true,
  }
  return new AuditError(`could not ${doing}: ${what}`, { ...details, outside: true })
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && error.code !== undefined ? String(error.code) : error.name
}
