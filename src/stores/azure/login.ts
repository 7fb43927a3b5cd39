/** The login to Azure Storage, found where Microsoft's own tools look for it. */

import { DefaultAzureCredential, type TokenCredential } from '@azure/identity'
import { AnonymousCredential, BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { printable, usageError } from '../../errors.js'

export interface AzurePlace {
  readonly account: string
  /** The account's URL where it is another than Azure's own: `https://host[/account]`. */
  readonly endpoint?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Where requests go, and with what. */
export interface AzureLogin {
  /** Of the account, without a slash at its end. */
  readonly url: string
  /** A SAS, without its question mark; goes into every URL. */
  readonly sas: string
  readonly credential: StorageSharedKeyCredential | AnonymousCredential | TokenCredential
}

/**
 * AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN where they are this account's, else
 * what https://learn.microsoft.com/javascript/api/@azure/identity/defaultazurecredential finds.
 *
 * A connection string names its account; the other two are this account's unless AZURE_STORAGE_ACCOUNT names another.
 *
 * @throws AuditError, exit code 2, when a login cannot be used or would go over plain http
 */
export function azureLogin(place: AzurePlace): AzureLogin {
  const login = connectionString(place) ?? keyOrSas(place) ?? token(place)
  const { protocol, hostname, origin } = new URL(login.url)
  // A key only signs; a SAS or a token could be used by whoever listens.
  const secret = login.sas !== '' || !(login.credential instanceof StorageSharedKeyCredential)
  if (secret && protocol !== 'https:' && !(login.sas !== '' && LOOPBACK.test(hostname))) {
    throw usageError(
      `${printable(origin)} would get the login for Azure over plain http`,
      'Give an endpoint with https; a stand-in on this machine takes AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN.',
    )
  }
  return login
}

function connectionString({ account, endpoint, env }: AzurePlace): AzureLogin | null {
  const text = env.AZURE_STORAGE_CONNECTION_STRING
  if (!text) return null
  try {
    const service = BlobServiceClient.fromConnectionString(text)
    // The client reads it off the host, which can be a domain of one's own.
    const named = /(?:^|;)\s*AccountName=([^;]*)/i.exec(text)?.[1]?.trim() ?? service.accountName
    if (named !== account) return null
    const { origin, pathname, search } = new URL(service.url)
    const url = endpoint ?? `${origin}${pathname}`
    return { url: trimmed(url), sas: search.slice(1), credential: service.credential }
  } catch {
    // The client's own text may quote it.
    throw usageError(
      'AZURE_STORAGE_CONNECTION_STRING is no connection string',
      'Copy it again from "Access keys" of the storage account, or unset it.',
    )
  }
}

function keyOrSas(place: AzurePlace): AzureLogin | null {
  const { AZURE_STORAGE_ACCOUNT: named, AZURE_STORAGE_KEY: key, AZURE_STORAGE_SAS_TOKEN: sas } = place.env
  if (named && named !== place.account) return null
  const url = urlOf(place)
  if (key) return { url, sas: '', credential: new StorageSharedKeyCredential(place.account, key) }
  if (sas) return { url, sas: sas.replace(/^\?/, ''), credential: new AnonymousCredential() }
  return null
}

const token = (place: AzurePlace): AzureLogin => ({
  url: urlOf(place),
  sas: '',
  credential: new DefaultAzureCredential(),
})

const urlOf = ({ account, endpoint }: AzurePlace): string =>
  trimmed(endpoint ?? `https://${account}.blob.core.windows.net`)

const trimmed = (url: string): string => url.replace(/\/+$/, '')
