/** Translates BigQuery's errors by reason code: with advice, and without any value of a record. */

import { sharedFailure } from '../../src/connections.js'
import { AuditError, printable } from '../../src/errors.js'

/** What a request or a job fails with. https://cloud.google.com/bigquery/docs/error-messages */
interface Failure {
  /** HTTP status of a request; null for a job, or when there was no answer. */
  readonly status: number | null
  /** BigQuery's reason code, or the system's (`ECONNRESET`). */
  readonly reason: string
  readonly message: string
}

/** Google advises retrying these with exponential backoff. */
const REPEATED = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'jobRateLimitExceeded',
  'rateLimitExceeded',
  'tableUnavailable',
  'userRateLimitExceeded',
])
const BROKEN =
  /ECONNRESET|ECONNREFUSED|ETIMEDOUT|ESOCKETTIMEDOUT|EPIPE|EAI_AGAIN|ENOTFOUND|socket hang up|network timeout|Premature close/

/** Only these may be caused by the data; permissions, quotas and names are the same for every batch. */
const OF_DATA = new Set(['invalid', 'invalidQuery', 'resourcesExceeded', 'responseTooLarge', 'HTTP 400', 'HTTP 413'])

const CONFLICT = /aborted due to concurrent update|Could not serialize access|Too many DML statements outstanding/

/** The text of one of our ASSERTs, wherever it is in the message. */
const OURS = /wandb-audit: [^\n;]*; nothing is loaded/

/** One of our ASSERTs that any other batch would fail as well. */
export const NOT_THERE = 'rows that were inserted are not in the table'

/** Line and column in a statement. */
const PLACE = /at \[\d+:\d+\]/

const DIFFERENT_LOCATIONS = /different locations/i

/** The beginnings of messages about statements, names, settings and quotas. Any other message might quote a value. */
const BEGINNINGS = [
  'Unrecognized name:',
  'Syntax error:',
  'Query parameter ',
  'Function not found:',
  'Not found:',
  'Already Exists:',
  'Access Denied:',
  'Quota exceeded:',
  'Exceeded rate limits:',
  'Query exceeded limit for bytes billed:',
  'Cannot query over table',
  'No matching signature for',
  'Transaction is aborted due to concurrent update',
  'Could not serialize access',
  'Too many DML statements outstanding',
  'Provided Schema does not match',
  'Invalid (?:dataset|table|job|project) ID',
  'Unsupported field type:',
  'Cannot read and write in different locations',
  'BigQuery API has not been used in project',
  'VPC Service Controls:',
  "Request is prohibited by organization's policy",
  'Request had insufficient authentication scopes',
  'Please grant Cloud KMS',
  'Error while reading data, error message: (?:Parquet|Input file is not|Read less values|Row group|Row size|Page size)',
  'Operation timed out',
  'The job encountered an error during execution',
]
const SPEAKABLE = new RegExp(`^(?:Query error: )?(?:${BEGINNINGS.join('|')})[^\\n]*`)

const DENIED = new Set(['accessDenied', 'forbidden', 'insufficientPermissions', 'HTTP 403'])

const ADVICE: Readonly<Record<string, string>> = {
  quotaExceeded:
    'A quota of the project is used up: see https://cloud.google.com/bigquery/quotas. Load less often, or ask for more.',
  accessNotConfigured: 'Enable the API: `gcloud services enable bigquery.googleapis.com`. It takes a few minutes.',
  policyViolation:
    'A policy of your organisation forbids it, such as a VPC Service Controls perimeter: ask its administrator to admit this login and network.',
  invalid:
    'If every batch fails like this, check the address and docs/bigquery.md; `bq show -j` shows the whole message.',
  billingNotEnabled: 'Switch billing on for the project: the sandbox allows no statements that change tables.',
  resourcesExceeded: 'Load fewer documents at once.',
  bytesBilledLimitExceeded:
    'Raise ?maximum_bytes_billed= in the address, load fewer days at once, or add a filter on timestamp to the query.',
  stopped: 'Somebody cancelled the job. Run again: nothing of it was kept.',
}

/**
 * Another load changes the same rows. BigQuery aborts the later transaction at once instead of letting it wait.
 * https://cloud.google.com/bigquery/docs/transactions#transaction_concurrency
 */
export class ConflictError extends AuditError {}

/**
 * @param who the sink, and what it was doing
 * @param error what the client threw, or a job's `errorResult`
 */
export function bigqueryError(who: string, error: unknown): AuditError {
  if (error instanceof AuditError) return error
  const shared = sharedFailure(error)
  if (shared !== null) {
    const { what, ...details } = shared
    return new AuditError(`${who}: ${what}`, { ...details, outside: true })
  }
  const { status, reason, message } = failureOf(error)
  const spoken = (OURS.exec(message) ?? SPEAKABLE.exec(message))?.[0]
  // The place of an error quotes nothing, whatever its text does.
  const told = spoken ?? PLACE.exec(message)?.[0]
  const text = `${who}: ${reason}${told === undefined ? '' : `: ${printable(told)}`}`
  if (CONFLICT.test(message)) {
    return new ConflictError(text, {
      retryable: true,
      outside: true,
      advice: 'Another load is taking very long; `bq ls -j` shows it. Run again: nothing is loaded twice.',
    })
  }
  const retryable =
    REPEATED.has(reason) || BROKEN.test(`${reason} ${message}`) || [500, 502, 503, 504].includes(status ?? 0)
  const advice = adviceFor(reason, message)
  const outside = !OF_DATA.has(reason) || DIFFERENT_LOCATIONS.test(message) || message.includes(NOT_THERE)
  return new AuditError(text, { retryable, outside, ...(advice === undefined ? {} : { advice }) })
}

export const isNotFound = (error: unknown): boolean => {
  const { status, reason } = failureOf(error)
  return status === 404 || (status === null && reason === 'notFound')
}

/** A job, dataset or table of that name exists already. */
export const isDuplicate = (error: unknown): boolean => failureOf(error).status === 409

function failureOf(error: unknown): Failure {
  const { code, errors, reason, message } = error as {
    code?: number | string
    errors?: readonly { reason?: string; message?: string }[]
    reason?: string
    message?: string
  }
  const [first] = errors ?? []
  const status = typeof code === 'number' ? code : null
  return {
    status,
    reason:
      reason ?? first?.reason ?? (code === undefined ? loginOr(message) : `${status === null ? '' : 'HTTP '}${code}`),
    message: first?.message ?? message ?? '',
  }
}

const NO_LOGIN = 'no login'
const loginOr = (message = ''): string =>
  /default credentials|invalid_grant|invalid_rapt|refresh token|Unable to detect a Project Id/i.test(message)
    ? NO_LOGIN
    : 'an unexpected error'

function adviceFor(reason: string, message: string): string | undefined {
  if (reason === NO_LOGIN || reason === 'authError' || reason === 'HTTP 401') {
    return 'Log in with `gcloud auth application-default login`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS.'
  }
  if (message.includes(NOT_THERE)) {
    return 'Something deletes them: check the partition expiration of audit_events, and see docs/bigquery.md.'
  }
  if (/policy tag/i.test(message)) {
    return 'Grant roles/datacatalog.categoryFineGrainedReader on the policy tag: loading into a tagged column also requires reading it.'
  }
  if (/Cloud KMS CryptoKey|cryptoKeys\//.test(message)) {
    return "Grant roles/cloudkms.cryptoKeyEncrypterDecrypter on the key to BigQuery's own service account, which `bq show --encryption_service_account` names."
  }
  if (DIFFERENT_LOCATIONS.test(message)) {
    return 'The staging bucket must be in the same location as the dataset: name another one with ?staging=, or omit it.'
  }
  if (DENIED.has(reason)) return `${roleFor(message)} See docs/bigquery.md.`
  if (reason === 'notFound' && /location/i.test(message)) {
    return 'The dataset is in another location: omit ?location=, or name the location of the dataset.'
  }
  if (reason === 'notFound') return 'Load something first, or check the spelling of project and dataset.'
  if (BROKEN.test(`${reason} ${message}`)) return 'Check network, VPN, proxy and firewall; the next run tries again.'
  return ADVICE[reason]
}

/** The least privileged role with the permission that BigQuery reports as missing. */
function roleFor(message: string): string {
  const permission = /\b(?:bigquery|storage)(?:\.[A-Za-z]+)+/.exec(message)?.[0] ?? ''
  if (permission === 'bigquery.datasets.create') {
    return 'Make the dataset yourself, or grant roles/bigquery.user on the project.'
  }
  if (permission.startsWith('bigquery.jobs.')) return 'Grant roles/bigquery.jobUser on the project.'
  if (permission === 'storage.buckets.get') return 'Grant roles/storage.legacyBucketReader on the staging bucket.'
  if (permission.startsWith('storage.')) return 'Grant roles/storage.objectUser on the staging bucket.'
  return 'Grant roles/bigquery.dataEditor on the dataset.'
}
