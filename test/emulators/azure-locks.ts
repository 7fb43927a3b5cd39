/**
 * Immutability policies of blob versions, which Azurite lacks:
 * https://learn.microsoft.com/azure/storage/blobs/immutable-version-level-worm-policies. There it is a version that is
 * protected; here a blob has one version, and what would end it is refused.
 */

import type { AzuriteRequest } from './azurite.js'

interface Lock {
  readonly until: string
  readonly mode: string
}

export interface VersionLocks {
  refuses(request: AzuriteRequest): boolean
  /** Remembers the lock of a blob that was written, and adds locks to listings that ask for them. */
  answered(request: AzuriteRequest, status: number, body: Buffer): Buffer
}

export function versionLocks(): VersionLocks {
  const locks = new Map<string, Lock>()
  return {
    refuses: ({ action, path }) =>
      (action === 'write' || action === 'remove') && new Date(locks.get(path)?.until ?? 0) > new Date(),

    answered({ action, path, headers, query }, status, body) {
      const until = headers['x-ms-immutability-policy-until-date']
      if (action === 'write' && status === 201 && typeof until === 'string') {
        locks.set(path, { until, mode: String(headers['x-ms-immutability-policy-mode']) })
      }
      if (action !== 'list' || !query.include?.includes('immutabilitypolicy')) return body
      return Buffer.from(
        body.toString('utf8').replaceAll(/<Name>([^<]*)<\/Name>(.*?)<\/Properties>/gs, (blob, name, properties) => {
          const lock = locks.get(`${path}/${encodedPath(name)}`)
          if (lock === undefined) return blob
          const policy = `<ImmutabilityPolicyUntilDate>${lock.until}</ImmutabilityPolicyUntilDate><ImmutabilityPolicyMode>${lock.mode}</ImmutabilityPolicyMode>`
          return `<Name>${name}</Name>${properties}${policy}</Properties>`
        }),
      )
    },
  }
}

const encodedPath = (name: string): string => name.split('/').map(encodeURIComponent).join('/')
