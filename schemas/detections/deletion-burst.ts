import { z } from 'zod'
import { ACTIONS } from '../actions.js'
import { plural } from '../words.js'
import { detection } from './detection.js'
import { isBeyond, medians, usually } from './medians.js'
import { ACTOR, days, eventsOf, fromMidnight, MINUTE, micros, number, SUCCEEDED, withHistory } from './sql.js'

/** These take no data away, and nobody's access to it. */
const HARMLESS = ['user:delete_api_key', 'run:stop']
const REMOVALS = ACTIONS.filter(({ action, destructive }) => destructive && !HARMLESS.includes(action))
const NAMED = REMOVALS.map(({ action }) => `'${action}'`).join(', ')
const DELETES = `(action IN (${NAMED}) OR (action LIKE '%:delete%' AND action <> 'user:delete_api_key'))`

export const deletionBurst = detection({
  id: 'deletion_burst',
  title: 'Many deletions in a short time',
  severity: 'high',
  why:
    'Sabotage, or the end of a theft. Deleted runs can be brought back for a while, so whoever knows early loses less. ' +
    'Users and members who are removed count too.',
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
  SELECT actor, day, COUNT(*) AS events, MIN(us) AS first_us, MAX(us) AS last_us FROM deletions GROUP BY actor, day
), ordered AS (
  SELECT actor, day, us, ${at}, LAG(us, ${deletions - 1}) ${order} AS first_us, LAG(${at}, ${deletions - 1}) ${order} AS first_at
  FROM deletions
), bursts AS (
  SELECT actor, day, MIN(first_at) AS started_at, MIN(first_us) AS first_us, MAX(${at}) AS ended_at,
    MIN(${forms.utcDay('first_at')}) AS first_day
  FROM ordered WHERE us >= ${micros(whole.from)} AND us - first_us <= ${within_minutes * MINUTE} GROUP BY actor, day
), ${medians({ daily: 'daily', unusual: 'bursts', by: 'actor', before: 'first_day' })}
SELECT b.started_at, b.ended_at, b.actor, MAX(x.actor_email) AS actor_email, MAX(x.actor_ip) AS address, b.day,
  COUNT(*) AS events, MAX(m.usual) AS usual, COUNT(DISTINCT x.action) AS various
FROM bursts AS b
JOIN daily AS d ON d.actor = b.actor AND d.day = b.day
JOIN deletions AS x ON x.actor = b.actor AND x.us <= d.last_us
    AND x.us >= CASE WHEN b.first_us < d.first_us THEN b.first_us ELSE d.first_us END
LEFT JOIN medians AS m ON m.actor = b.actor AND m.day = b.day
GROUP BY b.started_at, b.ended_at, b.actor, b.day
HAVING ${isBeyond('COUNT(*)', factor, 'MAX(m.usual)')}`
  },
  what: ({ events, usual }) => `${plural(events, 'deletion')}, many of them at once; ${usually(usual)}.`,
})
