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
  if (/^[^/]*@/.test(path)) {
    throw usageError(
      `the address of a ${printable(scheme)} place holds a login`,
      "Leave it out: logins belong into the environment, or where the vendor's own tools keep them.",
    )
  }
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
