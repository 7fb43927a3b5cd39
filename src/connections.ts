/** Errors of connections to any kind of server: certificates, and ports with another protocol. */

import type { ErrorDetails } from './errors.js'

/** What happened, as the end of a sentence, and what to do about it; `retryable`: another attempt may succeed. */
export interface Failure extends Pick<ErrorDetails, 'advice' | 'retryable'> {
  readonly what: string
}

const EXPIRED = 'The operator of the server has to renew it; check the clock of this machine, too.'
const UNTRUSTED =
  'If your own authority or a proxy signed it, set NODE_EXTRA_CA_CERTS to the .pem file with the certificate of that authority.'

/** By Node's code: https://nodejs.org/docs/latest-v20.x/api/tls.html#x509-certificate-error-codes */
const CERTIFICATES: Readonly<Record<string, Failure>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: 'the certificate is for another host',
    advice: 'Use a name that the certificate contains, or check whether a proxy answers in place of the server.',
  },
  CERT_HAS_EXPIRED: { what: 'the certificate has expired', advice: EXPIRED },
  CERT_NOT_YET_VALID: { what: 'the certificate is not valid yet', advice: EXPIRED },
  CERT_REVOKED: { what: 'the certificate was revoked', advice: 'The operator of the server has to replace it.' },
}
const UNKNOWN_AUTHORITY = /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED/

const OTHER_PROTOCOL: Failure = {
  what: 'the port does not speak HTTP',
  advice: 'Check host, port and http or https in the URL.',
}

/** Null for any other error. Clients wrap errors, so causes are searched too. */
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
    return { what: `the certificate is not valid (${code})`, advice: 'The operator of the server has to replace it.' }
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    return { what: 'the port does not speak https', advice: 'Check the port, and http or https, in the URL.' }
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return { what: `the two sides found no common TLS (${code})`, advice: 'The server must support TLS 1.2 or later.' }
  }
  // Matched by text, because undici gives this error no code.
  return /Expected HTTP\//.test(error.message) ? OTHER_PROTOCOL : null
}
