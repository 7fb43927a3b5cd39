/** `redshift://workgroup/database` and `redshift://cluster/database?db_user=…`: what an address says. */

import { parseAddress } from '../../src/address.js'
import { printable, usageError } from '../../src/errors.js'
import type { Namespace } from './namespace.js'
import { OPTIONS } from './options.js'

export interface RedshiftAddress {
  /** Without options: `redshift://workgroup/database`. */
  readonly id: string
  /** The target of every Data API request. */
  readonly target: Readonly<Record<string, string>>
  readonly place: Namespace
  /** A store address of src/stores; null if there is none: then the sink can be queried but not loaded. */
  readonly staging: string | null
  /** As COPY writes it: `default`, or an ARN in quotes. */
  readonly iamRole: string
  readonly region: string | undefined
  readonly endpoint: string | undefined
}

const HOLDER = /^[A-Za-z0-9-]{1,64}$/
const DATABASE = /^[A-Za-z0-9_.-]{1,64}$/
/**
 * The name before the slash is a serverless workgroup, or a provisioned cluster if `db_user` or `provisioned=true` is given. The
 * two look alike, and the Data API must be told which one it is.
 *
 * @throws AuditError, exit code 2
 */
export function parseRedshiftAddress(address: string): RedshiftAddress {
  const { path, options } = parseAddress(address, OPTIONS)
  const id = printable(`redshift://${path}`)
  const [holder = '', database = '', ...rest] = path.split('/')
  if (!HOLDER.test(holder) || !DATABASE.test(database) || rest.length > 0) {
    throw usageError(
      `${id} is no address of Redshift`,
      'Write redshift://workgroup/database?staging=s3://bucket/prefix.',
    )
  }
  const {
    iam_role: role = 'default',
    schema = 'public',
    table_prefix: prefix = '',
    staging,
    region,
    endpoint,
  } = options
  const { db_user: dbUser, secret_arn: secret } = options
  if (dbUser !== undefined && secret !== undefined) {
    throw usageError(`${id}: db_user and secret_arn exclude each other`, 'The secret names its user itself.')
  }
  return {
    id,
    target: {
      Database: database,
      ...(options.provisioned === 'true' || dbUser !== undefined
        ? { ClusterIdentifier: holder }
        : { WorkgroupName: holder }),
      ...(dbUser === undefined ? {} : { DbUser: dbUser }),
      ...(secret === undefined ? {} : { SecretArn: secret }),
    },
    place: { schema, prefix },
    staging: staging === undefined ? null : inRegion(staging, region),
    iamRole: role === 'default' ? role : `'${role}'`,
    region,
    endpoint,
  }
}

/** COPY reads Parquet from its own region only, so the region given for Redshift is also that of the bucket. */
function inRegion(staging: string, region: string | undefined): string {
  if (region === undefined || /[?&]region=/.test(staging)) return staging
  return `${staging}${staging.includes('?') ? '&' : '?'}region=${region}`
}
