/** Errors of Google Cloud Storage, and what to do about them. https://cloud.google.com/storage/docs/json_api/v1/status-codes */

import { AuditError } from '../../errors.js'

/** The parts of an error's body that tell the cases apart. For a download the body is plain text. */
interface ErrorBody {
  readonly reason: string
  readonly text: string
}

function parsed(body: string): ErrorBody {
  try {
    const { error } = JSON.parse(body) as {
      error?: { message?: unknown; errors?: readonly { reason?: unknown }[] }
    }
    return { reason: String(error?.errors?.[0]?.reason ?? ''), text: String(error?.message ?? '') }
  } catch {
    return { reason: '', text: body }
  }
}

const THROTTLED = /^(?:rateLimitExceeded|userRateLimitExceeded|slowDown|backendError|internalError)$/

/**
 * Whether a 404 or 412 means that the object does not exist or does not meet the condition. It may also mean that the
 * bucket is missing, that an organization policy is violated, or that the server is not Google's.
 */
export function saysGone(status: number, body: string): boolean {
  const { reason, text } = parsed(body)
  if (status === 412) return reason === 'conditionNotMet' || reason === ''
  return /no such object/i.test(text) || (reason === 'notFound' && !/bucket/i.test(text))
}

/**
 * @param doing for example `read gs://bucket/key`
 * @param anonymous the request carried no login
 */
export function gcsFailure(doing: string, status: number, body: string, anonymous: boolean): AuditError {
  const { reason, text } = parsed(body)
  const failed = (what: string, advice?: string): AuditError =>
    new AuditError(`could not ${doing}: ${what}`, { outside: true, ...(advice === undefined ? {} : { advice }) })
  if (status === 408 || status === 429 || status >= 500 || THROTTLED.test(reason)) {
    return new AuditError(`could not ${doing}: Google Cloud Storage answered ${status}`, {
      outside: true,
      retryable: true,
      advice: 'The service is busy or down; the next run continues where this one stopped.',
    })
  }
  if (status === 401) {
    return anonymous
      ? failed('a login is required', 'None was found, or it was not sent: logins go to https endpoints only.')
      : failed('the login is not accepted', 'Run `gcloud auth application-default login` again, or renew the key.')
  }
  if (/requester.?pays|userProjectMissing/i.test(`${reason} ${text}`)) {
    return failed(
      'the bucket is set to requester pays',
      'Add ?payer=PROJECT, the project to bill. There the login needs serviceusage.services.use.',
    )
  }
  if (status === 400 && /object retention/i.test(text)) {
    return failed(
      'the bucket does not let objects be retained',
      'Archive into a bucket that was created with object retention, or omit --retain: docs/retention.md.',
    )
  }
  if (/retention|hold|legal/i.test(reason)) {
    return failed('a retention policy or a hold protects the object', 'Use a bucket or prefix without one.')
  }
  if (status === 403) return denied(failed, reason, text, anonymous)
  if (status === 404) return failed('there is no such bucket', 'Check the name of the bucket and its project.')
  if (status >= 300 && status < 400) return failed(`redirected (${status})`, 'Check the endpoint.')
  return failed(`Google Cloud Storage answered ${status}${/^\w+$/.test(reason) ? ` (${reason})` : ''}`)
}

function denied(
  failed: (what: string, advice?: string) => AuditError,
  reason: string,
  text: string,
  anonymous: boolean,
): AuditError {
  if (/accountDisabled|billing/i.test(reason)) {
    return failed('the billing of the project is switched off', 'Ask the owner of the project.')
  }
  const permission = /\bstorage\.[a-z]+\.[a-z]+\b/i.exec(text)?.[0]
  const what = permission === undefined ? 'access denied' : `access denied: ${permission} is missing`
  return failed(
    what,
    anonymous
      ? 'No login was found, or it was not sent: logins go to https endpoints only.'
      : 'Grant it on the bucket: roles/storage.objectViewer is enough to read, roles/storage.objectUser to write.',
  )
}
