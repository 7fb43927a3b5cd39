/** Rows that are stored outside their partition: readers of that partition miss them, and a load adds them once more. */

import type { Span } from '../../schemas/day-digest.js'
import type { Held } from './events.js'
import { type Finding, isHash, MOST_IDS } from './findings.js'

/** @param span null for all days; rejects have no day, and are always included */
export async function misplacedFindings({ questions, query }: Held, span: Span | null): Promise<readonly Finding[]> {
  if (questions.misplaced === undefined) return []
  const groups = new Map<string, Finding>()
  for await (const [what, utcDay, id] of (await query(questions.misplaced)).rows) {
    const day = utcDay === null ? null : String(utcDay)
    if (day !== null && span !== null && !isDayIn(day, span)) continue
    const key = `${String(what)} ${day}`
    const { count = 0, ids = [] } = groups.get(key) ?? {}
    groups.set(key, {
      ...{ what: String(what), kind: 'altered', columns: ['partition'], source: null, day, document: null },
      ...{ count: count + 1, ids: ids.length < MOST_IDS && isHash(String(id)) ? [...ids, String(id)] : ids },
    })
  }
  return [...groups.values()]
}

/** @param day `2026-10-01` */
export const isDayIn = (day: string, { from, to }: Span): boolean => {
  const at = Date.parse(day)
  return at >= from.getTime() && at < to.getTime()
}
