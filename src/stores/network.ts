/** Connections that fail, told apart: the same for every store. */

import type { ErrorDetails } from '../errors.js'

/** What happened, as the end of a sentence, and what to do about it; `retryable`: another try may help. */
export interface Failure extends Pick<ErrorDetails, 'advice' | 'retryable'> {
  readonly what: string
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|^ERR_TLS/

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
  EPROTO: { what: 'the two sides found no common TLS', advice: 'Check whether the port of the endpoint speaks https.' },
  ERR_SSL_WRONG_VERSION_NUMBER: { what: 'the port does not speak https', advice: 'Check the port of the endpoint.' },
}

/** Null when the error has no code of a connection. Looks through causes, in which clients wrap them. */
export function networkFailure(error: unknown): Failure | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = 'code' in at && typeof at.code === 'string' ? at.code : ''
    if (CERTIFICATE.test(code)) {
      const advice =
        'If your own authority or a proxy signed it, name the .pem with that certificate in NODE_EXTRA_CA_CERTS.'
      return { what: `the certificate is not trusted (${code})`, advice }
    }
    const failure = FAILURES[code]
    if (failure !== undefined) return failure
  }
  return null
}
