/** Addresses of sources and sinks: `scheme://path?option=value`. */

import { printable, usageError } from './errors.js'

export interface AddressOption {
  /** What it is for, as the docs say it. */
  readonly meaning: string
  /** Of the whole value. */
  readonly pattern: RegExp
  /** What fits the pattern, for errors: `for example EU or europe-west4`. */
  readonly expected: string
}

export type AddressOptions<Name extends string = string> = Readonly<Record<Name, AddressOption>>

export interface Address<Name extends string> {
  /** In lower case: `s3`. */
  readonly scheme: string
  /** All between `://` and the first `?`, as it is: nothing in it is decoded. */
  readonly path: string
  readonly options: Readonly<Partial<Record<Name, string>>>
}

/**
 * @param known the options it may have
 * @throws AuditError, exit code 2, for an unknown option, one that is given twice or is not what it should be, or a login in
 * the address
 */
export function parseAddress<Name extends string>(address: string, known: AddressOptions<Name>): Address<Name> {
  const { scheme, path, query } = (/^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<path>[^?]*)(?:\?(?<query>.*))?$/is.exec(
    address,
  )?.groups as { scheme: string; path: string; query?: string } | undefined) ?? { scheme: '', path: '' }
  const where = printable(`${scheme}://${path}`)
  if (scheme === '') throw usageError('an address has no scheme such as s3://')
  refuseLogin(address)
  return { scheme: scheme.toLowerCase(), path, options: parseOptions(where, query ?? '', known) }
}

/** @param where the address, for errors */
export function parseOptions<Name extends string>(
  where: string,
  query: string,
  known: AddressOptions<Name>,
): Readonly<Partial<Record<Name, string>>> {
  const isKnown = (name: string): name is Name => Object.hasOwn(known, name)
  const options: Partial<Record<Name, string>> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    if (!isKnown(name)) {
      const names = Object.keys(known).join(', ')
      throw usageError(
        `${where} has no option ${printable(name)}`,
        names === '' ? 'It has none.' : `Options: ${names}.`,
      )
    }
    if (value === '' || name in options) throw usageError(`${where}: option ${name} must be given once, with a value`)
    const { pattern, expected } = known[name]
    // What is wrong is not repeated: it may hold a login.
    if (!pattern.test(value)) throw usageError(`${where}: option ${name} is not ${expected}`)
    options[name] = value
  }
  return options
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
