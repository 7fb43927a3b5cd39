/** Finds the login to Azure Storage where Microsoft's own tools look for it. */

import { DefaultAzureCredential, type TokenCredential } from '@azure/identity'
import { AnonymousCredential, BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { printable, usageError } from '../../errors.js'

export interface AzureAccount {
  readonly account: string
  /** The account's URL if it is not the one Azure assigns: `https://host[/account]`. */
  readonly endpoint?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** Where requests go, and the credentials for them. */
export interface AzureLogin {
  /** The account's URL, without a trailing slash. */
  readonly url: string
  /** A SAS without its question mark, to be added to every URL. */
  readonly sas: string
  readonly credential: StorageSharedKeyCredential | AnonymousCredential | TokenCredential
}

/**
 * Uses AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN if they are for this account, and
 * otherwise what https://learn.microsoft.com/javascript/api/@azure/identity/defaultazurecredential finds.
 *
 * A connection string names its account; the other two are for this account unless AZURE_STORAGE_ACCOUNT names another.
 *
 * @throws AuditError, exit code 2, when a login cannot be used or would go over plain http
 */
export function azureLogin(target: AzureAccount): AzureLogin {
  const login = connectionString(target) ?? keyOrSas(target) ?? token(target)
  const { protocol, hostname, origin } = new URL(login.url)
  // A key only signs requests. A SAS or a token is sent, and could be used by anyone who listens.
  const secret = login.sas !== '' || !(login.credential instanceof StorageSharedKeyCredential)
  if (secret && protocol !== 'https:' && !(login.sas !== '' && LOOPBACK.test(hostname))) {
    throw usageError(
      `${printable(origin)} would receive the login for Azure over plain http`,
      'Use an https endpoint; for a stand-in on this machine, set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN.',
    )
  }
  return login
}

function connectionString({ account, endpoint, env }: AzureAccount): AzureLogin | null {
  const text = env.AZURE_STORAGE_CONNECTION_STRING
  if (!text) return null
  try {
    const service = BlobServiceClient.fromConnectionString(text)
    // The client derives the account from the host, which may be a custom domain.
    const named = /(?:^|;)\s*AccountName=([^;]*)/i.exec(text)?.[1]?.trim() ?? service.accountName
    if (named !== account) return null
    const { origin, pathname, search } = new URL(service.url)
    const url = endpoint ?? `${origin}${pathname}`
    return { url: trimmed(url), sas: search.slice(1), credential: service.credential }
  } catch {
    // The client's own message may quote the connection string.
    throw usageError(
      'AZURE_STORAGE_CONNECTION_STRING is not a connection string',
      'Copy it again from "Access keys" of the storage account, or unset it.',
    )
  }
}

function keyOrSas(target: AzureAccount): AzureLogin | null {
  const { AZURE_STORAGE_ACCOUNT: named, AZURE_STORAGE_KEY: key, AZURE_STORAGE_SAS_TOKEN: sas } = target.env
  if (named && named !== target.account) return null
  const url = urlOf(target)
  if (key) return { url, sas: '', credential: new StorageSharedKeyCredential(target.account, key) }
  if (sas) return { url, sas: sas.replace(/^\?/, ''), credential: new AnonymousCredential() }
  return null
}

const token = (target: AzureAccount): AzureLogin => ({
  url: urlOf(target),
  sas: '',
  credential: new DefaultAzureCredential(),
})

const urlOf = ({ account, endpoint }: AzureAccount): string =>
  trimmed(endpoint ?? `https://${account}.blob.core.windows.net`)

const trimmed = (url: string): string => url.replace(/\/+$/, '')
