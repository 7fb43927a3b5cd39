/** Errors of Azure Storage, and what to do about them. https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes */

import { type BlobProperties, RestError } from '@azure/storage-blob'
import { ArchivedError, AuditError, EXIT } from '../../errors.js'
import { connectionError } from '../network.js'

/** `BlobNotFound` and the like; answers to HEAD carry it only in a header. Empty when the service did not answer. */
export function azureCode(error: unknown): string {
  if (!(error instanceof RestError) || error.statusCode === undefined) return ''
  return error.response?.headers.get('x-ms-error-code') ?? error.code ?? String(error.statusCode)
}

/** The object does not exist, or does not meet the condition. */
export const isGone = (error: unknown): boolean =>
  /^(?:(?:Blob|Resource|Path)NotFound|(?:Target)?ConditionNotMet|404|412)$/.test(azureCode(error))

/** The read starts at or after the end of the object. */
export const isPastEnd = (error: unknown): boolean => azureCode(error) === 'InvalidRange'

/** The condition of a write did not hold. */
export const isConflict = (error: unknown): boolean =>
  /^(?:(?:Blob|Resource|Path)AlreadyExists|BlobNotFound|(?:Target)?ConditionNotMet|412)$/.test(azureCode(error))

/** A policy forbids replacing the blob. Which of the two Azure says first, this or that it exists, is not documented. */
export const isLocked = (error: unknown): boolean => azureCode(error) === 'BlobImmutableDueToPolicy'

const ARCHIVED =
  'It is in the archive tier. Move it to another one (az storage blob set-tier --tier Cool), wait some hours, and load again: docs/azure.md.'
const REHYDRATING = 'It is on its way out of the archive tier: load again in some hours.'

/**
 * What a listing tells; undefined when the blob can be read. A blob stays in the archive tier until it is rehydrated.
 * https://learn.microsoft.com/azure/storage/blobs/archive-rehydrate-overview
 */
export function archivedOf({ accessTier, archiveStatus }: BlobProperties): string | undefined {
  if (accessTier !== 'Archive') return undefined
  return archiveStatus === undefined ? ARCHIVED : REHYDRATING
}

const LOGIN_ADVICE =
  'Run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or AZURE_STORAGE_CONNECTION_STRING of this account; on Azure, give the machine a managed identity.'

const REFUSALS: Readonly<Record<string, { readonly what: string; readonly advice: string }>> = {
  ContainerNotFound: {
    what: 'there is no such container',
    advice: 'Check the names of the account and the container.',
  },
  FilesystemNotFound: {
    what: 'there is no such container',
    advice: 'Check the names of the account and the container.',
  },
  ContainerBeingDeleted: { what: 'the container is being deleted', advice: 'Check the name of the container.' },
  AuthorizationPermissionMismatch: {
    what: 'access denied',
    advice:
      'Assign the login the role "Storage Blob Data Reader" on the container to read, or "Storage Blob Data Contributor" to write; check the permissions of a SAS. A new role takes effect after some minutes.',
  },
  AuthorizationFailure: {
    what: 'access denied by the account',
    advice: 'Check its firewall and private endpoints, and that the key or SAS is the right one and permits this.',
  },
  AuthenticationFailed: {
    what: 'the key, SAS or token is not accepted',
    advice: 'It may be wrong, expired or for another account; a clock that is off by 15 minutes has the same effect.',
  },
  InvalidAuthenticationInfo: {
    what: 'the token is not accepted',
    advice: 'Log in to the tenant of the storage account: `az login --tenant …`.',
  },
  NoAuthenticationInformation: { what: 'a login is required', advice: LOGIN_ADVICE },
  KeyBasedAuthenticationNotPermitted: {
    what: 'the account does not take keys',
    advice: 'Unset AZURE_STORAGE_CONNECTION_STRING and AZURE_STORAGE_KEY, and log in with `az login`.',
  },
  PublicAccessNotPermitted: { what: 'a login is required', advice: LOGIN_ADVICE },
  AccountIsDisabled: { what: 'the account is disabled', advice: 'Ask the owner of the subscription.' },
  AccountRequiresHttps: { what: 'the account requires https', advice: 'Use an https endpoint.' },
  AuthorizationSourceIPMismatch: {
    what: 'the SAS is for another IP address',
    advice: 'Create one for this machine.',
  },
  AuthorizationProtocolMismatch: { what: 'the SAS is for https only', advice: 'Use an https endpoint.' },
  AuthorizationServiceMismatch: { what: 'the SAS is not for blobs', advice: 'Create one for the Blob service.' },
  AuthorizationResourceTypeMismatch: {
    what: 'the SAS does not cover this resource type',
    advice: 'Create one for the resource types container and object.',
  },
  BlobImmutableDueToPolicy: {
    what: 'an immutability policy protects the object',
    advice: 'Use a container without such a policy.',
  },
  InvalidResourceName: { what: 'the name of the container is not allowed', advice: 'Check the address.' },
}

/**
 * @param doing for example `read az://account/container/key`
 * @param host of the account, for messages
 */
export function azureFailure(doing: string, error: unknown, host: string): AuditError {
  if (error instanceof AuditError) return error
  if (!(error instanceof RestError)) return identityFailure(error) ?? connectionError(doing, error)
  if (error.statusCode === undefined) {
    if (error.code !== 'ENOTFOUND') return connectionError(doing, error)
    return new AuditError(`could not ${doing}: there is no host ${host}`, {
      outside: true,
      advice: 'Check the name of the storage account; clouds other than public Azure need ?endpoint=.',
    })
  }
  const { statusCode: status } = error
  const code = azureCode(error)
  if (status === 408 || status === 429 || status >= 500) {
    return new AuditError(`could not ${doing}: Azure Storage answered ${status} (${code})`, {
      outside: true,
      retryable: true,
      advice: 'The service is busy or down; the next run continues where this one stopped.',
    })
  }
  if (code === 'BlobArchived' || code === 'BlobBeingRehydrated') {
    const advice = code === 'BlobArchived' ? ARCHIVED : REHYDRATING
    return new ArchivedError(`could not ${doing}: it is archived`, { outside: true, advice })
  }
  if (code === 'InvalidHeaderValue' && /x-ms-version/i.test(error.response?.bodyAsText ?? '')) {
    return new AuditError(`could not ${doing}: the service does not know this version of the protocol (${code})`, {
      outside: true,
      advice: 'Azure Stack Hub and emulators with an older x-ms-version are not supported.',
    })
  }
  const known = REFUSALS[code] ?? (status === 401 ? REFUSALS.InvalidAuthenticationInfo : undefined)
  if (known !== undefined)
    return new AuditError(`could not ${doing}: ${known.what} (${code})`, { outside: true, advice: known.advice })
  return new AuditError(`could not ${doing}: Azure Storage answered ${status} (${code})`, { outside: true })
}

/** Translates errors of @azure/identity. Their texts name users and folders of this machine, so they are not quoted. */
function identityFailure(error: unknown): AuditError | null {
  if (!(error instanceof Error)) return null
  if (
    !/^(?:AggregateAuthentication|Authentication|AuthenticationRequired|CredentialUnavailable)Error$/.test(error.name)
  ) {
    return null
  }
  const number = /\bAADSTS\d+/.exec(error.message)?.[0]
  if (/AADSTS(?:700082|70043|70008|50173|7000222|50078|50076)|expired|interaction.?required/i.test(error.message)) {
    const which = number === undefined ? '' : ` (${number})`
    return new AuditError(`the login for Azure has expired${which}`, { outside: true, advice: LOGIN_ADVICE })
  }
  if (number !== undefined)
    return new AuditError(`the login for Azure is refused (${number})`, { outside: true, advice: LOGIN_ADVICE })
  return new AuditError('no login for Azure was found', { exitCode: EXIT.usage, advice: LOGIN_ADVICE })
}
