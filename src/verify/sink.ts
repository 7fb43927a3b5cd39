/** Compares one sink with what the archive says that it must hold. */

import { dayInName } from '../archive/format.js'
import type { Engine } from '../transform/engine.js'
import { eventFindings, type Wanted } from './events.js'
import type { Expected } from './expected.js'
import { type Finding, sorted } from './findings.js'
import type { Held } from './held.js'
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
  wanted: Wanted,
): Promise<readonly Finding[]> {
  const place = { engine, folder: expected.folder }
  const events = await eventFindings(place, held, expected, wanted)
  const rejects = await rejectFindings(engine, held, expected, wanted)
  const receipts = await receiptFindings(place, held, expected.readings, wanted.span === null)
  const dated = [...rejects, ...receipts].map((each) => ({ ...each, day: dayInName(each.document ?? '') }))
  return sorted([...events, ...dated, ...(await misplacedFindings(place, held, wanted.span))])
}
