/** Tells a monitor, such as healthchecks.io, that a run has succeeded or failed; the monitor notices when runs stop. */

import { REQUEST_RETRIES, type RetryPolicy } from '../retry.js'
import { openWebhook } from '../webhook.js'

export interface Monitor {
  /**
   * Requests the URL after a success, and URL/fail after a failure.
   *
   * @throws AuditError when the monitor cannot be reached
   */
  tell(result: 'success' | 'failure', signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** The run has ended, and the next one may be due. */
const TIMEOUT_MS = 10_000

const RETRIES: RetryPolicy = { ...REQUEST_RETRIES, retries: 2 }

/** @throws AuditError, exit code 2, when the URL cannot be used */
export function openMonitor(url: string, retries: RetryPolicy = RETRIES): Monitor {
  const purpose = { what: 'the ping', option: '--ping', doing: 'send the result of a run', timeoutMs: TIMEOUT_MS }
  const { get, close } = openWebhook(url, purpose, retries)
  return { tell: (result, signal) => get(result === 'success' ? null : 'fail', signal), close }
}
