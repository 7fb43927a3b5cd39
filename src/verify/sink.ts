/** Compares one sink with what the archive says that it must hold. */

import { dayInName } from '../archive/format.js'
import type { Engine } from '../transform/engine.js'
import { eventFindings, type Held, type Wanted } from './events.js'
import type { Expected } from './expected.js'
import { type Finding, sorted } from './findings.js'
import { misplacedFindings } from './misplaced.js'
import { receiptFindings } from './receipts.js'
import { rejectFindings } from './rejects.js'

/**
 * @param expected loaded by a replay of the archive
 * @throws what the sink throws
 */
export async function sinkFindings(
  engine: Engine,
  held: Held,
  expected: Expected,
  wanted: Omit<Wanted, 'otherValues'>,
): Promise<readonly Finding[]> {
  return expected.attached(engine.connection, async () => {
    const events = await eventFindings(engine, held, { ...wanted, otherValues: expected.otherValues })
    const rejects = await rejectFindings(engine, held, { ...wanted, otherValues: expected.otherValues })
    const receipts = await receiptFindings(engine, held, expected.readings, wanted.span === null)
    const dated = [...rejects, ...receipts].map((each) => ({ ...each, day: dayInName(each.document ?? '') }))
    return sorted([...events, ...dated, ...(await misplacedFindings(held, wanted.span))])
  })
}
