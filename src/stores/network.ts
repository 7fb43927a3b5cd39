/** Connections that fail, told apart: the same for every store. */

import { type Failure, sharedFailure } from '../connections.js'

export type { Failure }

const FAILURES: Readonly<Record<string, Failure>> = {
  ENOTFOUND: { what: 'no host has that name', advice: 'Check endpoint and region, and the DNS of this machine.' },
  EAI_AGAIN: { what: 'the name could not be looked up', advice: 'Check the DNS of this machine.', retryable: true },
  ECONNREFUSED: {
    what: 'the connection was refused',
    advice: 'Check host and port of the endpoint, and whether the store is running.',
    retryable: true,
  },
  EHOSTUNREACH: { what: 'no way leads there', advice: 'Check network, VPN and firewall.', retryable: true },
  ENETUNREACH: { what: 'no way leads there', advice: 'Check network, VPN and firewall.', retryable: true },
  ETIMEDOUT: { what: 'no answer came in time', advice: 'Check network, VPN and firewall.', retryable: true },
  ECONNRESET: { what: 'the connection was reset', advice: 'Check network and proxy; run it again.', retryable: true },
  EPIPE: { what: 'the connection was closed', advice: 'Check network and proxy; run it again.', retryable: true },
  UND_ERR_CONNECT_TIMEOUT: {
    what: 'no connection came about',
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

/** Null when the error has no code of a connection. Looks through causes, in which clients wrap them. */
export function networkFailure(error: unknown): Failure | null {
  const shared = sharedFailure(error)
  if (shared !== null) return shared
  for (let at = error; at instanceof Error; at = at.cause) {
    const failure = 'code' in at ? FAILURES[String(at.code)] : undefined
    if (failure !== undefined) return failure
  }
  return null
}
