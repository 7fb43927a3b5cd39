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
  if (/^gs:/i.test(address)) return gcs(address, further)
  if (/^az:/i.test(address)) return azure(address, further)
  const { scheme, path, options } = parseAddress(address, ['endpoint', ...further])
  throw usageError(`no store has an address like ${printable(`${scheme}://${path}`)}`, Object.keys(options).join(', '))
}

async function gcs(address: string, further: readonly string[]): Promise<OpenedStore> {
  const { path, options } = parseAddress(address, ['endpoint', ...further])
  const { endpoint, ...others } = options
  const [bucket, prefix] = divided(path)
  if (bucket === '') throw usageError('the address of a bucket has no name', 'It looks like gs://bucket/prefix.')
  const { gcsStore } = await import('./gcs.js')
  return { store: gcsStore({ bucket, endpoint: url(endpoint) }), prefix, options: others }
}

async function azure(address: string, further: readonly string[]): Promise<OpenedStore> {
  const { path, options } = parseAddress(address, ['endpoint', ...further])
  const { endpoint, ...others } = options
  const [account, rest] = divided(path)
  const [container, prefix] = divided(rest)
  if (account === '' || container === '') {
    throw usageError(
      `${printable(address.split('?', 1).join())} does not name account and container`,
      'It looks like az://account/container/prefix.',
    )
  }
  const { azureStore } = await import('./azure.js')
  return { store: azureStore({ account, container, endpoint: url(endpoint) }), prefix, options: others }
}

/** What is before the first slash, and what is behind it. */
function divided(path: string): [first: string, rest: string] {
  const [first = '', rest = ''] = path.split(/\/(.*)/s)
  return [first, rest]
}

function url(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined || /^https?:\/\/[^/@?#]+(?:\/[^?#]*)?$/i.test(endpoint)) return endpoint
  throw usageError(`${printable(endpoint)} is no endpoint`, 'It looks like https://host, or https://host/account.')
}
