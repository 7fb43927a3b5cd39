/** What Azure Storage refused, and what to do about it. https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes */

import { RestError } from '@azure/storage-blob'
import { AuditError, EXIT } from '../../errors.js'
import { broken } from '../trying.js'

/** `BlobNotFound` and the like; answers to HEAD have it in a header alone. Empty when the service did not answer. */
export function azureCode(error: unknown): string {
  if (!(error instanceof RestError) || error.statusCode === undefined) return ''
  return error.response?.headers.get('x-ms-error-code') ?? error.code ?? String(error.statusCode)
}

/** The object is not there, or not as the condition has it. */
export const isGone = (error: unknown): boolean =>
  /^(?:(?:Blob|Resource|Path)NotFound|(?:Target)?ConditionNotMet|404|412)$/.test(azureCode(error))

/** A read from the end of the object on. */
export const isPastEnd = (error: unknown): boolean => azureCode(error) === 'InvalidRange'

/** The condition of a write did not hold. */
export const isConflict = (error: unknown): boolean =>
  /^(?:(?:Blob|Resource|Path)AlreadyExists|BlobNotFound|(?:Target)?ConditionNotMet|412)$/.test(azureCode(error))

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
      'Assign the login the role "Storage Blob Data Reader" on the container to read, or "Storage Blob Data Contributor" to write; of a SAS, check its permissions. A new role takes some minutes.',
  },
  AuthorizationFailure: {
    what: 'access denied by the account',
    advice: 'Check its firewall and private endpoints; of a key or SAS, whether it is the right one and allows this.',
  },
  AuthenticationFailed: {
    what: 'the key, SAS or token is not accepted',
    advice: 'It may be wrong, of another account, or expired; a clock that is off by 15 minutes does the same.',
  },
  InvalidAuthenticationInfo: {
    what: 'the token is not accepted',
    advice: 'Log in to the tenant of the storage account: `az login --tenant …`.',
  },
  NoAuthenticationInformation: { what: 'a login is asked for', advice: LOGIN_ADVICE },
  KeyBasedAuthenticationNotPermitted: {
    what: 'the account does not take keys',
    advice: 'Unset AZURE_STORAGE_CONNECTION_STRING and AZURE_STORAGE_KEY, and log in with `az login`.',
  },
  PublicAccessNotPermitted: { what: 'a login is asked for', advice: LOGIN_ADVICE },
  AccountIsDisabled: { what: 'the account is disabled', advice: 'Ask the owner of the subscription.' },
  AccountRequiresHttps: { what: 'the account wants https', advice: 'Give an endpoint with https.' },
  AuthorizationSourceIPMismatch: { what: 'the SAS is for another IP address', advice: 'Make one for this machine.' },
  AuthorizationProtocolMismatch: { what: 'the SAS is for https only', advice: 'Give an endpoint with https.' },
  AuthorizationServiceMismatch: { what: 'the SAS is not for blobs', advice: 'Make one for the Blob service.' },
  AuthorizationResourceTypeMismatch: {
    what: 'the SAS does not reach that far',
    advice: 'Make one for the resource types container and object.',
  },
  BlobImmutableDueToPolicy: {
    what: 'an immutability policy keeps the object',
    advice: 'Use a container without one for this.',
  },
  InvalidResourceName: { what: 'the name of the container is not allowed', advice: 'Check the address.' },
}

/**
 * @param doing for example `read az://account/container/key`
 * @param host of the account, for messages
 */
export function azureFailure(doing: string, error: unknown, host: string): AuditError {
  if (error instanceof AuditError) return error
  if (!(error instanceof RestError)) return identityFailure(error) ?? broken(doing, error)
  if (error.statusCode === undefined) {
    if (error.code !== 'ENOTFOUND') return broken(doing, error)
    return new AuditError(`could not ${doing}: there is no host ${host}`, {
      outside: true,
      advice: 'Check the name of the storage account; other clouds than public Azure need ?endpoint=.',
    })
  }
  const { statusCode: status } = error
  const code = azureCode(error)
  if (status === 408 || status === 429 || status >= 500) {
    return new AuditError(`could not ${doing}: Azure Storage answered ${status} (${code})`, {
      outside: true,
      retryable: true,
      advice: 'The service is busy or down; the next run goes on where this one stopped.',
    })
  }
  const known = REFUSALS[code] ?? (status === 401 ? REFUSALS.InvalidAuthenticationInfo : undefined)
  if (known !== undefined)
    return new AuditError(`could not ${doing}: ${known.what} (${code})`, { outside: true, advice: known.advice })
  return new AuditError(`could not ${doing}: Azure Storage answered ${status} (${code})`, { outside: true })
}

/** What @azure/identity throws. Its texts name users and folders of this machine, so only the case is told. */
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
