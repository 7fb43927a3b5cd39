/** What the Data API and Redshift say when something fails, as ours: who, what, what to do, and whether again may help. */

import type { DescribeStatementCommandOutput } from '@aws-sdk/client-redshift-data'
import { sharedFailure } from '../../src/connections.js'
import { AuditError, type ErrorDetails, printable, usageError } from '../../src/errors.js'

interface Known {
  /** Of an exception's name or a statement's error. */
  readonly sign: RegExp
  readonly advice: string
  readonly retryable?: boolean
}

/** Exceptions of https://docs.aws.amazon.com/redshift-data/latest/APIReference/CommonErrors.html and of the operations. */
const EXCEPTIONS: readonly Known[] = [
  {
    sign: /^(?:ActiveStatementsExceeded|ActiveSessionsExceeded|ActiveWaitingRequestsExceeded|Throttling|TooManyRequests|LimitExceeded)/,
    advice: 'The Data API is asked too much at once: run again later, or raise its quota.',
    retryable: true,
  },
  {
    sign: /^(?:InternalServer|InternalFailure|ServiceUnavailable|QueryTimeout|TimeoutError|AbortError|ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|NetworkingError)/,
    advice: 'Run again: what was loaded is known from the receipts.',
    retryable: true,
  },
  {
    sign: /^(?:CredentialsProviderError|UnrecognizedClient|InvalidClientTokenId|ExpiredToken|InvalidSignature|TokenProviderError|MissingAuthenticationToken)/,
    advice: 'Log in with AWS again (aws sso login, or the AWS_* variables), and look at the clock.',
  },
  {
    sign: /^AccessDenied/,
    advice: 'The policy in docs/redshift.md has what is needed.',
  },
  {
    sign: /^(?:DatabaseConnection|BatchExecuteStatement|ExecuteStatement)/,
    advice: 'See that the cluster is not paused, and that the database and its user exist.',
    retryable: true,
  },
  {
    sign: /^(?:Validation|ResourceNotFound)/,
    advice: 'See that workgroup or cluster, database and region are right, and that the cluster is not paused.',
  },
]

/**
 * Errors of statements whose words speak of names and rights, not of data: these are told as they are. What stands in quotes
 * does not count as a sign, for a value may read like one.
 */
const SPEAKABLE: readonly Known[] = [
  {
    sign: /\b1023\b|\b1018\b|[Ss]erializable isolation|[Ww]rite conflict|could not (?:open|serialize)|tuple concurrently/,
    advice: 'Something else changed the tables at the same time: run again.',
    retryable: true,
  },
  {
    sign: /already exists/,
    advice: 'Something else made it at the same time: run again.',
    retryable: true,
  },
  {
    sign: /assume (?:IAM )?[Rr]ole|not authorized to assume|IAM [Rr]ole .* (?:not|is)|[Nn]o default IAM role/,
    advice: 'The role of iam_role= must be attached to the workgroup or cluster, and trust redshift.amazonaws.com.',
  },
  {
    sign: /S3ServiceException|Access ?Denied|Forbidden|NoSuchBucket|S3 bucket/,
    advice:
      'The role of iam_role= needs s3:GetObject and s3:ListBucket on staging=, and kms:Decrypt where the bucket is encrypted with a key.',
  },
  {
    sign: /Spectrum|COPY|Load into table .* failed|[Pp]arquet/,
    advice: 'SELECT error_message, column_name FROM sys_load_error_detail ORDER BY start_time DESC LIMIT 10 says more.',
  },
  { sign: /permission denied|must be owner/, advice: 'The user needs CREATE on the schema, and to own the tables.' },
  {
    sign: /(?:relation|schema|table) .* does not exist/,
    advice: 'Load something first, or see that schema= and table_prefix= are right.',
  },
  {
    sign: /does not exist|syntax error|must appear in the GROUP BY|ambiguous|is not unique|cannot insert multiple commands/,
    advice: "The statement is in Redshift's own SQL.",
  },
  {
    sign: /exceeds the maximum|exceeded size limit|too large/,
    advice: 'The Data API gives back 64 KB a row and 500 MB a result: ask for less of it.',
  },
  {
    sign: /cancell?ed|[Tt]imeout|timed out/,
    advice: 'Run again; a limit of the workgroup or of its queue may have stopped it.',
  },
]

/** @param error what the client threw */
export function apiFailure(id: string, what: string, error: unknown): AuditError {
  if (error instanceof AuditError) return error
  const shared = sharedFailure(error)
  if (shared !== null) {
    const { what: why, ...details } = shared
    return new AuditError(`${id}: ${what} failed: ${why}`, { ...details, outside: true })
  }
  const { name, message } = error instanceof Error ? error : new Error('an unexpected error')
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
  // Errors of the client carry the whole exchange, with its signature; one about logins may quote what a program said.
  const cause = Object.assign(new Error(name === 'CredentialsProviderError' ? name : printable(message)), { name })
  return new AuditError(`${id}: ${what} failed with ${code}${detail}`, {
    ...detailsOf(known),
    ...paused,
    outside: true,
    cause,
  })
}

const isFault = (error: unknown): boolean => error instanceof Error && '$fault' in error

/** What an error of a load quotes, but for the tables that say where: it may come from a record. */
const MAY_BE_VALUE = /"[^"]*"|'(?!(?:staged|sys|stl)_)[^']*'/g

/** @param described a statement whose status is FAILED or ABORTED */
export function statementFailure(id: string, what: string, described: DescribeStatementCommandOutput): AuditError {
  const { Status, Id, Error: whole, SubStatements } = described
  const where = `${id}: ${what}`
  if (Status === 'ABORTED') {
    return new AuditError(`${where} was stopped in Redshift (statement ${Id}); nothing is changed`, {
      outside: true,
      advice: 'Somebody cancelled it, or a rule of its queue did. Run again when that is settled.',
    })
  }
  const text = SubStatements?.find(({ Status: status }) => status === 'FAILED')?.Error ?? whole ?? ''
  if (/[Dd]ivi(?:de|sion) by zero/.test(text) && what === 'loading') {
    return new AuditError(`${where} failed: the lines of the batch are not all accounted for; nothing is loaded`, {
      advice: `This is a fault of wandb-audit: please report it, with the statement ${Id}.`,
    })
  }
  const line = firstLine(text)
  const words = text.replace(/"[^"]*"|'[^']*'/g, '…')
  const known = SPEAKABLE.find(({ sign }) => sign.test(words))
  if (known === undefined) {
    return new AuditError(`${where} failed in Redshift (statement ${Id}); nothing is changed`, {
      advice: `Its error may name values, so it is not told here: aws redshift-data describe-statement --id ${Id} shows it.`,
    })
  }
  const told = what === 'loading' ? firstLine(text.replace(MAY_BE_VALUE, '…')) : line
  return new AuditError(`${where} failed: ${printable(told)}`, detailsOf(known))
}

/** The Data API forgets statements after 24 hours, and knows none of another account or region. */
export function vanished(id: string, what: string, statement: string): AuditError {
  return new AuditError(`${id}: ${what}: Redshift no longer knows the statement ${statement}`, {
    outside: true,
    advice: 'Run again: whether it was committed is known from the receipts.',
    retryable: true,
  })
}

const detailsOf = (known: Known | undefined): ErrorDetails =>
  known === undefined ? {} : { advice: known.advice, retryable: known.retryable ?? false }

/** Without what follows in DETAIL, where values stand. */
const firstLine = (text: string): string =>
  (text.replace(/^ERROR:\s*/, '').split(/\n|\s*DETAIL:|\s*Detail:/)[0] ?? '').trim()
