/** Connections that fail the same way whoever is at the other end: certificates, and ports that speak something else. */

import type { ErrorDetails } from './errors.js'

/** What happened, as the end of a sentence, and what to do about it; `retryable`: another try may help. */
export interface Failure extends Pick<ErrorDetails, 'advice' | 'retryable'> {
  readonly what: string
}

const EXPIRED = 'Whoever runs the server has to renew it; look at the clock of this machine, too.'
const UNTRUSTED =
  'If your own authority or a proxy signed it, name the .pem with the certificate of that authority in NODE_EXTRA_CA_CERTS.'

/** By Node's code: https://nodejs.org/docs/latest-v20.x/api/tls.html#x509-certificate-error-codes */
const CERTIFICATES: Readonly<Record<string, Failure>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: 'the certificate is for another host',
    advice: 'Use a name that stands in the certificate; or another server, such as a proxy, answers in its place.',
  },
  CERT_HAS_EXPIRED: { what: 'the certificate has expired', advice: EXPIRED },
  CERT_NOT_YET_VALID: { what: 'the certificate is not valid yet', advice: EXPIRED },
  CERT_REVOKED: { what: 'the certificate was revoked', advice: 'Whoever runs the server has to replace it.' },
}
const UNKNOWN_AUTHORITY = /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED/

const OTHER_PROTOCOL: Failure = {
  what: 'the port does not speak HTTP',
  advice: 'Check host, port and http or https in the URL.',
}

/** Null for an error that none of this is behind. Looks through causes, in which clients wrap them. */
export function sharedFailure(error: unknown): Failure | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    const failure = failureOf(at)
    if (failure !== null) return failure
  }
  return null
}

function failureOf(error: Error): Failure | null {
  const code = 'code' in error ? String(error.code) : ''
  const known = CERTIFICATES[code]
  if (known !== undefined) return { ...known, what: `${known.what} (${code})` }
  if (UNKNOWN_AUTHORITY.test(code)) return { what: `the certificate is not trusted (${code})`, advice: UNTRUSTED }
  if (/CERT/.test(code)) {
    return { what: `the certificate is not valid (${code})`, advice: 'Whoever runs the server has to replace it.' }
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    return { what: 'the port does not speak https', advice: 'Check the port, and http or https, in the URL.' }
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return { what: `the two sides found no common TLS (${code})`, advice: 'The server must speak TLS 1.2 or later.' }
  }
  // The text, because undici gives this one no code of its own.
  return /Expected HTTP\//.test(error.message) ? OTHER_PROTOCOL : null
}
