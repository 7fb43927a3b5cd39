/** Finds the login to Google Cloud where Google's own tools keep it. */

import { GoogleAuth } from 'google-auth-library'
import { AuditError, EXIT } from '../../errors.js'
import { connectionError } from '../network.js'

export interface GcsLogin {
  /** The headers for a request; none without a login. Tokens are renewed in time. */
  headers(): Promise<Readonly<Record<string, string>>>
}

const LOGIN_ADVICE =
  'Run `gcloud auth application-default login`, or name a credentials file in GOOGLE_APPLICATION_CREDENTIALS; on Google Cloud, give the machine a service account.'

/** The most that is ever needed; the roles of the login decide what is allowed. */
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write'

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/**
 * Application Default Credentials: https://cloud.google.com/docs/authentication/application-default-credentials
 *
 * @param endpoint a server other than Google's may need no login, and gets none over plain http unless it is on this machine
 */
export function gcsLogin(endpoint: URL, isGoogle: boolean): GcsLogin {
  const secret = endpoint.protocol === 'https:' || LOOPBACK.test(endpoint.hostname)
  const auth = new GoogleAuth({ scopes: SCOPE })
  let anonymous = !secret
  return {
    async headers() {
      if (anonymous) return {}
      try {
        return Object.fromEntries(await auth.getRequestHeaders())
      } catch (error) {
        const text = error instanceof Error ? error.message : ''
        if (!text.includes('Could not load the default credentials')) throw loginFailure(text, error)
        if (isGoogle) {
          throw new AuditError('no login for Google Cloud was found', { exitCode: EXIT.usage, advice: LOGIN_ADVICE })
        }
        anonymous = true
        return {}
      }
    },
  }
}

/** Tells the cases apart by the vendor's text, but does not quote it: it may contain parts of a file. */
function loginFailure(text: string, error: unknown): AuditError {
  if (/invalid_grant|invalid_rapt|reauth|expired|revoked/i.test(text)) {
    return new AuditError('the login for Google Cloud has expired or was revoked', { advice: LOGIN_ADVICE })
  }
  if (
    /credentials? file|does not exist|ENOENT|not a file|client_email|private_key|JSON (?:object|input|at)|valid JSON|in JSON/.test(
      text,
    )
  ) {
    return new AuditError('the credentials file for Google Cloud cannot be used', {
      exitCode: EXIT.usage,
      advice:
        'Check the file GOOGLE_APPLICATION_CREDENTIALS names, or run `gcloud auth application-default login` again.',
    })
  }
  return connectionError('fetch a token for Google Cloud', error)
}
