/** Turns errors of the Data API and of Redshift into ours: who failed, doing what, what to do, and whether a retry may help. */

import type { DescribeStatementCommandOutput } from '@aws-sdk/client-redshift-data'
import { TABLES } from '../../schemas/tables.js'
import { sharedFailure } from '../../src/connections.js'
import { AuditError, type ErrorDetails, printable, usageError } from '../../src/errors.js'
import { AUDIT_PARTS } from './namespace.js'

interface Known {
  /** Matches an exception's name or a statement's error. */
  readonly sign: RegExp
  readonly advice: string
  readonly retryable?: boolean
}

/** Exceptions of https://docs.aws.amazon.com/redshift-data/latest/APIReference/CommonErrors.html and of the single operations. */
const EXCEPTIONS: readonly Known[] = [
  {
    sign: /^(?:ActiveStatementsExceeded|ActiveSessionsExceeded|ActiveWaitingRequestsExceeded|Throttling|TooManyRequests|LimitExceeded)/,
    advice: 'The Data API gets too many requests at once: run again later, or raise its quota.',
    retryable: true,
  },
  {
    sign: /^(?:InternalServer|InternalFailure|ServiceUnavailable|QueryTimeout|TimeoutError|AbortError|ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|NetworkingError)/,
    advice: 'Run again: what was loaded is known from the receipts.',
    retryable: true,
  },
  {
    sign: /^(?:CredentialsProviderError|UnrecognizedClient|InvalidClientTokenId|ExpiredToken|InvalidSignature|TokenProviderError|MissingAuthenticationToken)/,
    advice: 'Log in with AWS again (aws sso login, or the AWS_* variables), and check the clock.',
  },
  {
    sign: /^AccessDenied/,
    advice: 'The policy in docs/redshift.md has what is needed.',
  },
  {
    sign: /^(?:DatabaseConnection|BatchExecuteStatement|ExecuteStatement)/,
    advice: 'Check that the cluster is not paused, and that the database and its user exist.',
    retryable: true,
  },
  {
    sign: /^(?:Validation|ResourceNotFound)/,
    advice: 'Check that workgroup or cluster, database and region are right, and that the cluster is not paused.',
  },
]

/**
 * Errors of statements whose text names objects and rights, never data, so it is shown as it is. Text in quotes is not matched,
 * because a value may look like such an error.
 */
const SPEAKABLE: readonly Known[] = [
  {
    // Our tables have no such constraint: two runs created something at once.
    sign: /violates unique constraint/,
    advice: 'Something else created it at the same time: run again.',
    retryable: true,
  },
  {
    sign: /\b1023\b|\b1018\b|[Ss]erializable isolation|[Ww]rite conflict|could not (?:open|serialize)|tuple concurrently|deadlock detected/,
    advice: 'Something else changed the tables at the same time: run again.',
    retryable: true,
  },
  {
    sign: /already exists/,
    advice: 'Something else created it at the same time: run again.',
    retryable: true,
  },
  {
    sign: /assume (?:IAM )?[Rr]ole|not authorized to assume|IAM [Rr]ole .* (?:not|is)|[Nn]o default IAM role/,
    advice: 'The role of iam_role= must be attached to the workgroup or cluster, and trust redshift.amazonaws.com.',
  },
  {
    sign: /\bKMS\b|kms:/i,
    advice:
      'The role of iam_role= needs kms:Decrypt on the key of the bucket of staging=; the policy of the key must allow it, too.',
  },
  {
    sign: /PermanentRedirect|AuthorizationHeaderMalformed|specified endpoint|IllegalLocationConstraint|\bregion\b/i,
    advice: "The bucket of staging= has to be in Redshift's region: COPY reads Parquet from no other.",
  },
  {
    sign: /S3ServiceException|Access ?Denied|Forbidden|NoSuchBucket|S3 bucket|\b403\b/,
    advice:
      'The role of iam_role= needs s3:GetObject and s3:ListBucket on staging=, and kms:Decrypt where the bucket is encrypted with a key. ' +
      'COPY reads Parquet through Spectrum, from outside your VPC and with presigned URLs: a bucket policy that admits VPC endpoints alone, or limits s3:signatureAge, keeps it out.',
  },
  {
    sign: /Spectrum|COPY|Load into table .* failed|[Pp]arquet/,
    advice: 'SELECT error_message, column_name FROM sys_load_error_detail ORDER BY start_time DESC LIMIT 10 says more.',
  },
  {
    sign: /permission denied for (?:database|language)/,
    advice:
      'Creating a schema needs CREATE on the database: create the schema beforehand, as docs/redshift.md shows, or grant that.',
  },
  { sign: /permission denied|must be owner/, advice: 'The user needs CREATE on the schema, and to own the tables.' },
  {
    sign: /(?:relation|schema|table) .* does not exist/,
    advice: 'Load something first, or check that schema= and table_prefix= are right.',
  },
  {
    sign: /does not exist|syntax error|must appear in the GROUP BY|ambiguous|is not unique|cannot insert multiple commands/,
    advice: "The statement is in Redshift's own SQL.",
  },
  {
    sign: /exceeds the maximum|exceeded size limit|too large/,
    advice: 'The Data API returns at most 64 KB per row and 500 MB per result: ask for less.',
  },
  {
    sign: /cancell?ed|[Tt]imeout|timed out/,
    advice: 'Run again; a limit of the workgroup or of its queue may have stopped it.',
  },
]

/** Operations that the policy of docs/redshift.md allows only to the owner of a statement. A session whose credentials were renewed under another name is another owner. */
const OWNERS_ALONE = /redshift-data:(?:DescribeStatement|GetStatementResult|CancelStatement)/

/** @param error thrown by the client */
export function apiFailure(id: string, what: string, error: unknown): AuditError {
  if (error instanceof AuditError) return error
  const shared = sharedFailure(error)
  if (shared !== null) {
    const { what: why, ...details } = shared
    return new AuditError(`${id}: ${what} failed: ${why}`, { ...details, outside: true })
  }
  const { name, message } = error instanceof Error ? error : new Error('an unexpected error')
  if (name.startsWith('AccessDenied') && OWNERS_ALONE.test(message)) {
    return new AuditError(`${id}: ${what} was sent, and cannot be asked about any more`, {
      advice:
        'The policy shows a statement to the session that sent it: give the session one name for ever, with AWS_ROLE_SESSION_NAME or role_session_name of the profile. ' +
        'Run again: what was loaded is known from the receipts.',
      outside: true,
      cause: Object.assign(new Error(printable(message)), { name }),
    })
  }
  if (name === 'CredentialsProviderError') {
    const advice = 'Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role.'
    return usageError(`${id}: no login for AWS was found`, advice)
  }
  if (message.startsWith('Region is missing')) {
    return usageError(`${id}: the region is not known`, 'Add ?region=… to its address, or set AWS_REGION.')
  }
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : name
  const known = EXCEPTIONS.find(({ sign }) => sign.test(name) || sign.test(code))
  const detail = known === undefined && !isFault(error) ? '' : `: ${printable(firstLine(message))}`
  const paused = /paus|resum/i.test(message) ? { advice: 'Resume the cluster, then run again.' } : {}
  // Errors of the client carry the whole exchange with its signature, and an error about logins may quote the output of a program.
  const cause = Object.assign(new Error(name === 'CredentialsProviderError' ? name : printable(message)), { name })
  return new AuditError(`${id}: ${what} failed with ${code}${detail}`, {
    ...detailsOf(known),
    ...paused,
    outside: true,
    cause,
  })
}

/** A statement that Redshift refused or could not finish. */
export class StatementError extends AuditError {
  /** The statement's text; null when it is not known which it was. */
  readonly sql: string | null
  /** Where in it, in characters from 1; null when Redshift does not say. */
  readonly position: number | null

  constructor(message: string, details: ErrorDetails, sql: string | null, position: number | null) {
    super(message, details)
    this.sql = sql
    this.position = position
  }
}

const POSITION = /\bPosition: (\d+)/

const isFault = (error: unknown): boolean => error instanceof Error && '$fault' in error

/** Text that an error of a load quotes, except names of tables: it may come from a record. */
const MAY_BE_VALUE = /"[^"]*"|'(?!(?:staged|sys|stl)_)[^']*'/g

/** @param described a statement whose status is FAILED or ABORTED */
export function statementFailure(id: string, what: string, described: DescribeStatementCommandOutput): AuditError {
  const { Status, Id, Error: whole, SubStatements } = described
  const where = `${id}: ${what}`
  if (Status === 'ABORTED') {
    return new AuditError(`${where} was stopped in Redshift (statement ${Id}); nothing is changed`, {
      outside: true,
      advice: 'Someone cancelled it, or a rule of its queue did. Run again when that is settled.',
    })
  }
  const failed = SubStatements?.find(({ Status: status }) => status === 'FAILED')
  const text = failed?.Error ?? whole ?? ''
  const wasCommitting = SubStatements?.every(({ Status: status }) => status === 'FINISHED') === true
  if (wasCommitting || CONNECTION_LOST.test(withoutQuoted(text)))
    return unsure(where, `lost its connection in Redshift (statement ${Id})`)
  if (/[Dd]ivi(?:de|sion) by zero/.test(text) && what === 'loading') {
    return new AuditError(`${where} failed: the lines of the batch are not all accounted for; nothing is loaded`, {
      advice: `This is a fault of wandb-audit: please report it, with the statement ${Id}.`,
    })
  }
  const line = firstLine(text)
  const words = withoutQuoted(text)
  const known = SPEAKABLE.find(({ sign }) => sign.test(words))
  const [, position] = POSITION.exec(withoutQuoted(text)) ?? []
  const place = [failed?.QueryString ?? null, position === undefined ? null : Number(position)] as const
  if (known === undefined) {
    const advice = `Its error may name values, so it is not told here: aws redshift-data describe-statement --id ${Id} shows it.`
    return new StatementError(`${where} failed in Redshift (statement ${Id}); nothing is changed`, { advice }, ...place)
  }
  const told = what === 'loading' ? firstLine(text.replace(MAY_BE_VALUE, '…')) + contextOf(text) : line
  return new StatementError(`${where} failed: ${printable(told)}`, detailsOf(known), ...place)
}

const withoutQuoted = (text: string): string => text.replace(/"[^"]*"|'[^']*'/g, '…')

/** A connection inside Redshift, not ours to it. */
const CONNECTION_LOST =
  /terminating connection|I\/O error occurred|connection (?:was )?(?:reset|closed|lost)|server closed the connection/i

/** Every column that a staged file may have. */
const COLUMNS: ReadonlySet<string> = new Set(
  [...TABLES, AUDIT_PARTS].flatMap(({ columns }) => columns.map(({ name }) => name)),
)

/**
 * The further lines of a COPY error, with the column but without values and addresses:
 * `context:   File '…' has an incompatible Parquet schema for column 's3://….actor_email'`.
 */
function contextOf(text: string): string {
  const context = /^\s*context:\s*(.+)$/m.exec(text)?.[1]
  if (context === undefined) return ''
  const column = [...context.matchAll(/column '?([^'\s]+)'?/g)]
    .map(([, name = '']) => name.split(/[./]/).at(-1) ?? '')
    .find((name) => COLUMNS.has(name))
  const words = context.replace(/\b\w+:\/\/\S+/g, '…').replace(MAY_BE_VALUE, '…')
  return ` (${column === undefined ? '' : `column ${column}: `}${words.trim()})`
}

/** After such a failure, audit_loads shows whether the load was committed. */
const UNSURE = 'whether it was committed is not known'
export const isUnsure = ({ message }: AuditError): boolean => message.endsWith(UNSURE)

const unsure = (where: string, why: string): AuditError =>
  new AuditError(`${where} ${why}; ${UNSURE}`, {
    outside: true,
    advice: 'Run again: what was loaded is known from the receipts.',
    retryable: true,
  })

/** The Data API forgets statements after 24 hours, and knows none of another account or region. */
export const vanished = (id: string, what: string, statement: string): AuditError =>
  unsure(`${id}: ${what}:`, `Redshift no longer knows the statement ${statement}`)

const detailsOf = (known: Known | undefined): ErrorDetails =>
  known === undefined ? {} : { advice: known.advice, retryable: known.retryable ?? false }

/** Removes DETAIL and what follows, which may quote values. */
const firstLine = (text: string): string =>
  (text.replace(/^ERROR:\s*/, '').split(/\n|\s*DETAIL:|\s*Detail:|\s*Position: \d/)[0] ?? '').trim()
