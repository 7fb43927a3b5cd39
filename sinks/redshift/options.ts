/** The options of an address. */

/** Redshift folds names to lower case and cuts them at 127 bytes; names where that could matter are refused. */
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/
const LOWER = 'a name of lower-case letters, digits and _, not beginning with a digit'
/** Roles in a chain are joined by commas. https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service.html */
const ROLES =
  /^default$|^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+(?:,arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=.@/-]+)*$/

export const OPTIONS = {
  staging: {
    meaning:
      "`s3://bucket/prefix`, where files are kept between upload and COPY. Required to load, not to query. The bucket must be in Redshift's region",
    pattern: /^s3:\/\//,
    expected: 's3://bucket/prefix, which COPY reads from',
  },
  iam_role: {
    meaning: "the role with which COPY reads them; by default the workgroup's or cluster's default role",
    pattern: ROLES,
    expected: 'the ARN of a role, or default',
  },
  schema: { meaning: 'by default `public`; created if it is missing', pattern: IDENTIFIER, expected: LOWER },
  table_prefix: {
    meaning: 'prefix for the name of every table and view',
    pattern: IDENTIFIER,
    expected: LOWER,
  },
  db_user: {
    meaning: 'a user of a provisioned cluster, with a temporary password (GetClusterCredentials)',
    pattern: /^/,
    expected: 'a name',
  },
  provisioned: {
    meaning: "`true`: a provisioned cluster, as the IAM identity (GetClusterCredentialsWithIAM) or the secret's user",
    pattern: /^(?:true|false)$/,
    expected: 'true or false',
  },
  secret_arn: {
    meaning: 'a Secrets Manager secret with a database login, for either kind',
    pattern: /^/,
    expected: 'an ARN',
  },
  region: {
    meaning: 'if AWS_REGION or the profile does not set it; also applies to `staging`',
    pattern: /^[a-z0-9-]+$/,
    expected: 'a region such as eu-central-1',
  },
  endpoint: {
    meaning: 'of the Data API, for a VPC endpoint',
    pattern: /^https:\/\/|^http:\/\/(?:127\.0\.0\.1|localhost)[:/]/,
    expected: 'https://HOST',
  },
}
