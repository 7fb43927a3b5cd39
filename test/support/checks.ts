/** What checks of the doctor come to. */

import type { Check } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import { never } from './load.js'

/** Name and outcome of each: what it returned, or the message of its error. */
export async function outcomesOf(checks: readonly Check[] = []): Promise<(readonly [string, unknown])[]> {
  const outcomes: (readonly [string, unknown])[] = []
  for (const { name, run } of checks) {
    const outcome = await run(never).catch((error: unknown) => {
      if (error instanceof AuditError) return error.message
      throw error
    })
    outcomes.push([name, outcome])
  }
  return outcomes
}
