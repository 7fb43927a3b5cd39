/** Placeholders for sources and sinks that could not be opened. They fail when used, so that the others still work. */

import { withoutLogin } from '../address.js'
import type { LoadingSink, Source } from '../contract.js'
import { AuditError, EXIT } from '../errors.js'

/**
 * A source that fails when it is listed.
 *
 * @throws the error itself when usage or settings are wrong
 */
export function unopenedSource(address: string, error: unknown): Source {
  requireRuntime(error)
  return {
    id: withoutLogin(address),
    list() {
      throw error
    },
    async close() {},
  }
}

/**
 * A sink that fails when it is prepared.
 *
 * @throws the error itself when usage or settings are wrong
 */
export function unopenedSink(address: string, error: unknown): LoadingSink {
  requireRuntime(error)
  const fail = async (): Promise<never> => {
    throw error
  }
  return {
    ...{ id: withoutLogin(address), prepare: fail, remembered: fail, remember: fail, receipts: fail, load: fail },
    async close() {},
  }
}

function requireRuntime(error: unknown): void {
  if (!(error instanceof AuditError) || error.exitCode !== EXIT.failed) throw error
}
