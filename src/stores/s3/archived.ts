/** Objects in archive tiers, and how to restore them. */

import type { _Object } from '@aws-sdk/client-s3'

const RESTORE =
  'Restore it, for example for a week (aws s3api restore-object; S3 Batch Operations for many), and load again within that time: docs/s3.md.'

/** For an object that cannot be read before it is restored. */
export const ARCHIVED = `It is in a Glacier storage class. ${RESTORE}`
const RESTORING = 'It is being restored from a Glacier storage class: load again when that has finished.'

/**
 * What a listing tells; undefined when the object can be read. GLACIER_IR can; the archive tiers of INTELLIGENT_TIERING show only
 * when the object is read. https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-status.html
 */
export function archivedOf({ StorageClass, RestoreStatus }: _Object): string | undefined {
  if (StorageClass !== 'GLACIER' && StorageClass !== 'DEEP_ARCHIVE') return undefined
  if (RestoreStatus?.IsRestoreInProgress === true) return RESTORING
  return RestoreStatus?.RestoreExpiryDate === undefined ? ARCHIVED : undefined
}
