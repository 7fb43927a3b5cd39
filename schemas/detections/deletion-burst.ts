import { z } from 'zod'
import { detection } from './detection.js'
import { isBeyond, medians, usually } from './medians.js'
import { ACTOR, days, eventsOf, fromMidnight, MINUTE, micros, number, SUCCEEDED, withHistory } from './sql.js'
import { plural } from './words.js'

/** A key that is deleted takes no data away. */
const DELETES = "action LIKE '%:delete%' AND action <> 'user:delete_api_key'"

export const deletionBurst = detection({
  id: 'deletion_burst',
  title: 'Many deletions in a short time',
  severity: 'high',
  why: 'Sabotage, or the end of a theft. Deleted runs can be brought back for a while, so whoever knows early loses less.',
  normal:
    'Cleaning up, by hand or by a script. What a script deletes every day is usual for its account and is not reported again.',
  technique: { id: 'T1485', name: 'Data Destruction' },
  parameters: z.strictObject({
    deletions: number(50, 'The least number of deletions.'),
    within_minutes: number(60, 'Within how many minutes.'),
    factor: number(10, "How many times the median of the actor's earlier days with deletions the day must reach."),
    history_days: days(30, 'How many earlier days the median covers.'),
  }),
  key: ['actor', 'day'],
  historyDays: ({ history_days }) => history_days + 1,
  sql(forms, span, { deletions, within_minutes, factor, history_days }) {
    const at = forms.column('timestamp')
    const whole = fromMidnight(span)
    const columns = [`${forms.utcDay(at)} AS day`, `${ACTOR} AS actor`, 'actor_email', 'actor_ip', 'action']
    const order = `OVER (PARTITION BY actor ORDER BY us)`
    return `
WITH deletions AS (${eventsOf(forms, withHistory(whole, history_days), columns, `${DELETES} AND ${SUCCEEDED} AND ${ACTOR} IS NOT NULL`)}
), daily AS (
  SELECT actor, day, COUNT(*) AS events, MAX(actor_email) AS actor_email, MAX(actor_ip) AS address,
    COUNT(DISTINCT action) AS various
  FROM deletions GROUP BY actor, day
), ordered AS (
  SELECT actor, day, us, ${at}, LAG(us, ${deletions - 1}) ${order} AS first_us, LAG(${at}, ${deletions - 1}) ${order} AS first_at
  FROM deletions
), bursts AS (
  SELECT actor, day, MIN(first_at) AS started_at, MAX(${at}) AS ended_at, MIN(${forms.utcDay('first_at')}) AS first_day
  FROM ordered WHERE us >= ${micros(whole.from)} AND us - first_us <= ${within_minutes * MINUTE} GROUP BY actor, day
), ${medians({ daily: 'daily', unusual: 'bursts', by: 'actor', before: 'first_day' })}
SELECT b.started_at, b.ended_at, b.actor, d.actor_email, d.address, b.day, d.events, m.usual, d.various
FROM bursts AS b
JOIN daily AS d ON d.actor = b.actor AND d.day = b.day
LEFT JOIN medians AS m ON m.actor = b.actor AND m.day = b.day
WHERE ${isBeyond('d.events', factor, 'm.usual')}`
  },
  what: ({ events, usual }) => `${plural(events, 'deletion')} in one day, many of them at once; ${usually(usual)}.`,
})
