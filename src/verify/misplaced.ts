/** Rows that are stored outside their partition: readers of that partition miss them, and a load adds them once more. */

import type { Span } from '../../schemas/day-digest.js'
import { type Finding, listed, MOST_IDS } from './findings.js'
import { type Held, type Workplace, withAnswer } from './held.js'

/** @param span null for all days; rejects have no day, and are always included */
export async function misplacedFindings(place: Workplace, held: Held, span: Span | null): Promise<readonly Finding[]> {
  const { misplaced } = held.questions.proof
  if (misplaced === undefined) return []
  const found = await withAnswer(place, held, misplaced, ['what', 'day', 'id'], (relation) =>
    place.engine.rows(`
      SELECT what, day, count(*) AS rows,
        array_to_string(min(id, ${MOST_IDS}) FILTER (regexp_full_match(id, '[0-9a-f]{64}')), ',') AS ids
      FROM ${relation} GROUP BY ALL ORDER BY ALL`),
  )
  return found
    .map(({ what, day, rows, ids }) => ({
      ...{ what: String(what), kind: 'altered' as const, columns: ['partition'], source: null, document: null },
      ...{ day: day === null ? null : String(day), count: Number(rows), ids: listed(ids) },
    }))
    .filter(({ day }) => day === null || span === null || isDayIn(day, span))
}

/** @param day `2026-10-01` */
export const isDayIn = (day: string, { from, to }: Span): boolean => {
  const at = Date.parse(day)
  return at >= from.getTime() && at < to.getTime()
}
