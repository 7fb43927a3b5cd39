/** Addresses of object stores to stores. A vendor's client loads only when its store is used. */

import { parseAddress } from '../address.js'
import { printable, usageError } from '../errors.js'
import type { ObjectStore } from './contract.js'

/** A store, and the part of the address behind it: a prefix of keys, without a slash at its beginning. */
export interface OpenedStore {
  readonly store: ObjectStore
  readonly prefix: string
  /** Options of the address that are not the store's own. */
  readonly options: Readonly<Record<string, string>>
}

export const isStore = (address: string): boolean => /^(?:s3|gs|az):\/\//i.test(address)

/**
 * @param address `s3://bucket[/prefix]`, `gs://bucket[/prefix]` or `az://account/container[/prefix]`, with `?endpoint=`
 * @param further names of options that the caller takes for itself
 * @throws AuditError, exit code 2, when it is none of these
 */
export async function openStore(address: string, further: readonly string[] = []): Promise<OpenedStore> {
  if (/^s3:/i.test(address)) {
    const { path, options } = parseAddress(address, ['endpoint', 'region', ...further])
    const { endpoint, region, ...others } = options
    const [bucket, prefix] = divided(path)
    const { s3Store } = await import('./s3.js')
    const store = s3Store({
      bucket,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
    })
    return { store, prefix, options: others }
  }
  const { scheme, path, options } = parseAddress(address, ['endpoint', ...further])
  throw usageError(`no store has an address like ${printable(`${scheme}://${path}`)}`, Object.keys(options).join(', '))
}

/** The bucket before the first slash, the prefix behind it. */
function divided(path: string): [bucket: string, prefix: string] {
  const [bucket = '', prefix = ''] = path.split(/\/(.*)/s)
  return [bucket, prefix]
}
