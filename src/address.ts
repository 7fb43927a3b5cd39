/** Addresses of sources and sinks: `scheme://path?option=value`. */

import { printable, usageError } from './errors.js'

export interface Address {
  /** In lower case: `s3`. */
  readonly scheme: string
  /** All between `://` and the first `?`, as it is: nothing in it is decoded. */
  readonly path: string
  readonly options: Readonly<Record<string, string>>
}

/**
 * @param known names of the options it may have
 * @throws AuditError, exit code 2, for an unknown option, an empty one, one that is given twice, or a login in the address
 */
export function parseAddress(address: string, known: readonly string[]): Address {
  const { scheme, path, query } = (/^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<path>[^?]*)(?:\?(?<query>.*))?$/is.exec(
    address,
  )?.groups as { scheme: string; path: string; query?: string } | undefined) ?? { scheme: '', path: '' }
  const where = printable(`${scheme}://${path}`)
  if (scheme === '') throw usageError('an address has no scheme such as s3://')
  refuseLogin(address)
  const options: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(query ?? '')) {
    if (!known.includes(name)) {
      throw usageError(
        `${where} has no option ${printable(name)}`,
        known.length === 0 ? 'It has none.' : `Options: ${known.join(', ')}.`,
      )
    }
    if (value === '' || name in options) throw usageError(`${where}: option ${name} must be given once, with a value`)
    options[name] = value
  }
  return { scheme: scheme.toLowerCase(), path, options }
}

/** Before the first slash, or with a slash in the password. */
const LOGIN = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?]*@|[^/?]*:[^?]*@)/i

/** @throws AuditError, exit code 2, when the address holds a login, which would be told in messages and summaries */
export function refuseLogin(address: string): void {
  const [, scheme] = LOGIN.exec(address) ?? []
  if (scheme === undefined) return
  throw usageError(
    `the address of a ${scheme} place holds a login`,
    "Leave it out: logins belong into the environment, or where the vendor's own tools keep them.",
  )
}

/** For messages about an address that is none of ours: without what may be a login in it, and without a query. */
export function withoutLogin(address: string): string {
  const [place = ''] = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address.split(/[?#]/, 1) : [address]
  return printable(place.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[\s\S]*:[\s\S]*@/i, '$1…@'))
}

const PROXIES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy']

/**
 * Vendors' clients fail at a proxy that is no URL in ways of their own, some with the whole text, which may hold a login.
 *
 * @throws AuditError, exit code 2, that does not tell what stands there
 */
export function requireUsableProxies(env: Readonly<Record<string, string | undefined>>): void {
  for (const name of PROXIES) {
    const text = env[name]
    if (!text || (/^https?:\/\//i.test(text) && URL.canParse(text))) continue
    throw usageError('HTTPS_PROXY or HTTP_PROXY is not a URL', 'Write it as http://HOST:PORT, or unset it.')
  }
}
