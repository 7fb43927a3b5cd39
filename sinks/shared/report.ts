/** The questions of `report`: the warehouse does all the counting, and every answer is small, however many events there are. */

import type { Span } from '../../schemas/day-digest.js'
import type { Question } from '../../src/contract.js'
import type { SqlForms } from './questions.js'
import { DAY_US, type Parts, partsOf, reportLists } from './report-lists.js'

const HOUR_US = 3_600_000_000

export { reportSpan } from './report-lists.js'

/** @param all the relation with at least the events of `reportSpan` */
export function reportQuestions(forms: SqlForms, range: Span, all = forms.table('audit_events')): readonly Question[] {
  const parts = partsOf(forms, range, all)
  return [...figures(forms, parts), ...reportLists(forms, parts)]
}

/** What is drawn, and the sums. */
function figures({ table, utcDay, microseconds, instant }: SqlForms, parts: Parts): readonly Question[] {
  const { at, events, who, firstDay, within, isRefused, count, range } = parts
  const sum = (name: string): string => `CAST(coalesce(sum(${name}), 0) AS BIGINT) AS ${name}`
  return [
    {
      name: 'totals',
      title: 'What there is',
      sql: `
          SELECT count(*) AS events, count(DISTINCT ${who}) AS actors, count(DISTINCT e.actor_ip) AS addresses,
            coalesce(${count(isRefused)}, 0) AS refused, max(e.${at}) AS newest
          FROM ${events}`,
    },
    {
      name: 'hours',
      title: 'Events by UTC hour and category',
      sql: `
          SELECT ${utcDay(`e.${at}`)} AS day,
            CAST(FLOOR(MOD(${microseconds(`e.${at}`)}, ${DAY_US}) / ${HOUR_US}) AS BIGINT) AS utc_hour,
            coalesce(a.category, 'undocumented') AS category, count(*) AS events, ${count(isRefused)} AS refused
          FROM ${events} LEFT JOIN ${table('audit_actions')} AS a ON a.action = e.action
          GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    },
    {
      name: 'coverage',
      title: 'The days that documents cover',
      // A window of days ends before `range_to`, a file with an event at it.
      sql: `
          SELECT CASE WHEN range_from < ${instant(range.from)} THEN ${firstDay} ELSE ${utcDay('range_from')} END AS first_day,
            ${utcDay('range_to')} AS last_day, MOD(${microseconds('range_to')}, ${DAY_US}) = 0 AS at_midnight,
            count(*) AS documents
          FROM ${table('audit_documents')}
          WHERE range_to >= ${instant(range.from)} AND range_from < ${instant(range.to)}
          GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    },
    {
      name: 'loads',
      title: 'Loads',
      sql: `
          SELECT count(*) AS loads, ${sum('rows_read')}, ${sum('inserted')}, ${sum('enriched')}, ${sum('unchanged')},
            ${sum('rejected')}, ${sum('conflicts')}
          FROM ${table('audit_loads')} WHERE ${within(range, 'finished_at')}`,
    },
  ]
}
