/** Parses the addresses of sources and sinks: `scheme://path?option=value`. */

import { resolve } from 'node:path'
import { printable, usageError } from './errors.js'

export interface AddressOption {
  /** What the option is for, in the words of the docs. */
  readonly meaning: string
  /** Must match the whole value. */
  readonly pattern: RegExp
  /** Describes valid values in errors: `for example EU or europe-west4`. */
  readonly expected: string
}

export type AddressOptions<Name extends string = string> = Readonly<Record<Name, AddressOption>>

export interface Address<Name extends string> {
  /** In lower case: `s3`. */
  readonly scheme: string
  /** Everything between `://` and the first `?`, not decoded. */
  readonly path: string
  readonly options: Readonly<Partial<Record<Name, string>>>
}

/**
/**
 * @param known the options that the address may have
 * @throws AuditError, exit code 2, for an unknown, repeated or invalid option, or a login in the address
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
        names === '' ? 'It takes no options.' : `Options: ${names}.`,
      )
    }
    if (value === '' || name in options) throw usageError(`${where}: option ${name} must be given once, with a value`)
    const { pattern, expected } = known[name]
    // The invalid value is not quoted, because it may contain a login.
    if (!pattern.test(value)) throw usageError(`${where}: option ${name} is not ${expected}`)
    options[name] = value
  }
  return options
}

/** A login before the first slash, or one with a slash in its password. */
const LOGIN = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?]*@|[^/?]*:[^?]*@)/i

/** @throws AuditError, exit code 2, when the address contains a login, which messages and summaries would reveal */
export function refuseLogin(address: string): void {
  const [, scheme] = LOGIN.exec(address) ?? []
  if (scheme === undefined) return
  throw usageError(
    `the address of a ${scheme} place holds a login`,
    "Leave it out: logins belong in the environment, or where the vendor's own tools keep them.",
  )
}

/** An invalid address, for messages: without the query and anything that may be a login. */
export function withoutLogin(address: string): string {
  const [location = ''] = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address.split(/[?#]/, 1) : [address]
  return printable(location.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[\s\S]*:[\s\S]*@/i, '$1…@'))
}

const PROXIES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy']

/**
 * Vendors' clients fail in different ways at a proxy that is not a URL, and some quote the text, which may contain a login.
 *
 * @throws AuditError, exit code 2, that does not quote the variable
 */
export function requireUsableProxies(env: Readonly<Record<string, string | undefined>>): void {
  for (const name of PROXIES) {
    const text = env[name]
    if (!text || (/^https?:\/\//i.test(text) && URL.canParse(text))) continue
    throw usageError('HTTPS_PROXY or HTTP_PROXY is not a URL', 'Write it as http://HOST:PORT, or unset it.')
  }
}

/** Whether an address, of a folder or of a bucket with a prefix, is another one or lies below it. */
export function isWithin(address: string, other: string): boolean {
  const [inner, outer] = [address, other].map((each) => {
    const place = /^[a-z][a-z0-9+.-]+:/i.test(each) ? each.replace(/[?#].*$/s, '') : resolve(each)
    return `${place.replace(/\/+$/, '')}/`
  })
  return inner !== undefined && outer !== undefined && inner.startsWith(outer)
}
