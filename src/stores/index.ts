/** Opens object stores by address. A vendor's client loads only when its store is used. */

import { type AddressOptions, parseAddress, requireUsableProxies } from '../address.js'
import { printable, usageError } from '../errors.js'
import type { ObjectStore } from './contract.js'
import type { DirectoryStore } from './directory.js'

/** A store, and the rest of the address: a prefix of keys, without a leading slash. */
export interface OpenedStore {
  readonly store: ObjectStore
  readonly prefix: string
}

export const isStore = (address: string): boolean => /^(?:s3|gs|az):\/\//i.test(address)

const ENDPOINT = {
  meaning: "another server that speaks the vendor's protocol",
  pattern: /^https?:\/\/[^/@?#]+(?:\/[^?#]*)?$/i,
  expected: 'a plain URL such as https://host, or https://host/account',
}

const REGION = {
  meaning: 'when `AWS_REGION` and the profile do not give it',
  pattern: /^[a-z0-9-]+$/,
  expected: 'a region such as eu-central-1',
}

const PAYER = {
  meaning: 'pays for the requests if the bucket is set to requester pays',
  pattern: /^requester$/,
  expected: 'requester: the account of the login pays',
}

const BILLED_PROJECT = {
  ...PAYER,
  pattern: /^[a-z][a-z0-9.:-]{4,}$/,
  expected: 'the id of the project that pays',
}

interface StoreOptions {
  readonly endpoint?: string
  readonly region?: string
  readonly payer?: string
}

interface Vendor {
  readonly options: AddressOptions
  /** The form of its addresses, up to `[/prefix]`. */
  readonly form: string
  open(names: readonly string[], options: StoreOptions): Promise<ObjectStore>
}

const VENDORS: Readonly<Record<string, Vendor>> = {
  s3: {
    options: { endpoint: ENDPOINT, region: REGION, payer: PAYER },
    form: 's3://bucket',
    open: async ([bucket = ''], options) => (await import('./s3.js')).s3Store({ bucket, ...options }),
  },
  gs: {
    options: { endpoint: ENDPOINT, payer: BILLED_PROJECT },
    form: 'gs://bucket',
    open: async ([bucket = ''], { endpoint, payer }) =>
      (await import('./gcs.js')).gcsStore({ bucket, endpoint, payer }),
  },
  az: {
    options: { endpoint: ENDPOINT },
    form: 'az://account/container',
    open: async ([account = '', container = ''], { endpoint }) =>
      (await import('./azure.js')).azureStore({ account, container, endpoint }),
  },
}

/**
 * @param address `s3://bucket[/prefix]`, `gs://bucket[/prefix]` or `az://account/container[/prefix]`, with `?endpoint=`
 * @throws AuditError, exit code 2, when the address is none of these
 */
export async function openStore(address: string): Promise<OpenedStore> {
  const vendor = VENDORS[/^[a-z0-9]+/i.exec(address)?.[0]?.toLowerCase() ?? '']
  const { scheme, path, options } = parseAddress(address, vendor?.options ?? {})
  const where = printable(`${scheme}://${path}`)
  if (vendor === undefined) throw usageError(`no object store has the address ${where}`, 'Stores: s3://, gs://, az://.')
  const { names, prefix } = divided(path, vendor.form.split('/').length - 2)
  if (names.includes(''))
    throw usageError(`${where} names no bucket or container`, `Write it as ${vendor.form}/prefix.`)
  requireUsableProxies(process.env)
  return { store: await vendor.open(names, options), prefix }
}

/** Splits off the first `count` parts of a path; the rest stays as it is. */
function divided(path: string, count: number): { names: string[]; prefix: string } {
  const parts = path.split('/')
  return { names: Array.from({ length: count }, (_, i) => parts[i] ?? ''), prefix: parts.slice(count).join('/') }
}

/** Opens a local folder as an object store. */
export async function openDirectory(path: string): Promise<DirectoryStore> {
  const { directoryStore } = await import('./directory.js')
  return directoryStore(path)
}
