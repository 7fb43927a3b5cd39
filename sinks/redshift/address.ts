/** `redshift://workgroup/database` and `redshift://cluster/database?db_user=…`: what an address says. */

import { parseAddress } from '../../src/address.js'
import { printable, usageError } from '../../src/errors.js'
import type { Place } from './place.js'

export interface RedshiftAddress {
  /** Without options: `redshift://workgroup/database`. */
  readonly id: string
  /** Whom every request of the Data API is for. */
  readonly target: Readonly<Record<string, string>>
  readonly place: Place
  /** An address of src/stores; null: nothing can be loaded, only asked. */
  readonly staging: string | null
  /** As COPY names it: `default`, or an ARN in quotes. */
  readonly iamRole: string
  readonly region: string | undefined
  readonly endpoint: string | undefined
}

const OPTIONS = [
  'staging',
  'iam_role',
  'schema',
  'table_prefix',
  'db_user',
  'secret_arn',
  'provisioned',
  'region',
  'endpoint',
] as const

/** Redshift folds names to lower case and ends them at 127 bytes; nothing that would need thought is taken. */
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/
const HOLDER = /^[A-Za-z0-9-]{1,64}$/
const DATABASE = /^[A-Za-z0-9_.-]{1,64}$/
/** Several roles in a chain are joined by commas. https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service.html */
const ROLE = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+(?:,arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=.@/-]+)*$/

/**
 * A name before the slash is a serverless workgroup, and a provisioned cluster where `db_user` or `provisioned=true` says so:
 * the two are named alike, and the Data API has to be told which it is.
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
  const check = (option: (typeof OPTIONS)[number], rule: RegExp, advice: string): string | undefined => {
    const value = options[option]
    if (value === undefined || rule.test(value)) return value
    throw usageError(`${id}: option ${option} cannot be what it is`, advice)
  }
  const lower = 'Lower-case letters, digits and _ serve, and not a digit first.'
  const role =
    check('iam_role', new RegExp(`^default$|${ROLE.source}`), 'Give the ARN of a role, or default.') ?? 'default'
  const staging = check('staging', /^s3:\/\//, 'COPY reads from S3: write staging=s3://bucket/prefix.')
  const provisioned = check('provisioned', /^(?:true|false)$/, 'Write true or false.') === 'true'
  const region = check('region', /^[a-z0-9-]+$/, 'Write it as AWS does: eu-central-1.')
  const { db_user: dbUser, secret_arn: secret } = options
  if (dbUser !== undefined && secret !== undefined) {
    throw usageError(`${id}: db_user and secret_arn exclude each other`, 'The secret names its user itself.')
  }
  return {
    id,
    target: {
      Database: database,
      ...(provisioned || dbUser !== undefined ? { ClusterIdentifier: holder } : { WorkgroupName: holder }),
      ...(dbUser === undefined ? {} : { DbUser: dbUser }),
      ...(secret === undefined ? {} : { SecretArn: secret }),
    },
    place: {
      schema: check('schema', IDENTIFIER, lower) ?? 'public',
      prefix: check('table_prefix', IDENTIFIER, lower) ?? '',
    },
    staging: staging === undefined ? null : inRegion(staging, region),
    iamRole: role === 'default' ? role : `'${role}'`,
    region,
    endpoint: check('endpoint', /^https:\/\/|^http:\/\/(?:127\.0\.0\.1|localhost)[:/]/, 'It begins with https://.'),
  }
}

/** COPY reads Parquet from its own region only, so what is said of Redshift holds for the bucket. */
function inRegion(staging: string, region: string | undefined): string {
  if (region === undefined || /[?&]region=/.test(staging)) return staging
  return `${staging}${staging.includes('?') ? '&' : '?'}region=${region}`
}
