/**
 * Object Lock: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html. There it is a version that is protected;
 * the stand-in keeps one version of each object, and refuses what would end it.
 */

import type { Blob } from './objects.js'
import { element, Refusal } from './refusals.js'

const MODE = 'x-amz-object-lock-mode'
const UNTIL = 'x-amz-object-lock-retain-until-date'

/**
 * @param hasLock whether the bucket was created with Object Lock
 * @param checked whether the request has Content-MD5 or x-amz-sdk-checksum-algorithm
 */
export function checkLock(headers: Readonly<Record<string, string>>, hasLock: boolean, checked: boolean): void {
  const { [MODE]: mode, [UNTIL]: until } = headers
  if (mode === undefined && until === undefined) return
  if (!checked) {
    throw new Refusal(
      'InvalidRequest',
      'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
    )
  }
  if (!hasLock) throw new Refusal('InvalidRequest', 'Bucket is missing Object Lock Configuration')
  if (mode === undefined || until === undefined) {
    throw new Refusal('InvalidArgument', `${UNTIL} and ${MODE} must both be supplied`)
  }
  if (mode !== 'COMPLIANCE' && mode !== 'GOVERNANCE')
    throw new Refusal('InvalidArgument', 'Unknown wormMode directive.')
  if (!(new Date(until) > new Date())) {
    throw new Refusal('InvalidArgument', 'The retain until date must be in the future!')
  }
}

export function requireUnlocked(found: Blob | undefined): void {
  if (found !== undefined && new Date(found.headers[UNTIL] ?? 0) > new Date()) {
    throw new Refusal('AccessDenied', 'Access Denied because object protected by object lock.')
  }
}

/** @param byDefault whether the bucket locks what is written without a lock, for a year */
export function lockConfiguration(byDefault: boolean): string {
  const retention = element('DefaultRetention', element('Mode', 'COMPLIANCE') + element('Years', '1'))
  const rule = byDefault ? element('Rule', retention) : ''
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n'
  return head + element('ObjectLockConfiguration', element('ObjectLockEnabled', 'Enabled') + rule)
}

export const withDefaultLock = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  [MODE]: 'COMPLIANCE',
  [UNTIL]: new Date(Date.now() + 365 * 86_400_000).toISOString(),
  ...headers,
})
