import { z } from 'zod'
import { plural } from '../words.js'
import { detection } from './detection.js'
import { isBeyond, medians, usually } from './medians.js'
import { ACTOR, days, eventsOf, fromMidnight, micros, number, SUCCEEDED, withHistory } from './sql.js'

export const sharedAddress = detection({
  id: 'shared_address',
  title: 'One address acts for unusually many accounts',
  severity: 'medium',
  why: 'A thief with many keys or passwords uses them from few machines.',
  normal:
    'An office, a VPN or a cluster behind one address: it is reported once, and is usual from the next day on. If the address ' +
    'is none of yours, look at all accounts behind it.',
  technique: { id: 'T1110.004', name: 'Brute Force: Credential Stuffing' },
  parameters: z.strictObject({
    actors: number(10, 'How many actors an address must have on a UTC day.'),
    factor: number(3, "How many times the median of the address's earlier days it must reach."),
    history_days: days(30, 'How many earlier days the median covers.'),
  }),
  key: ['address', 'day'],
  historyDays: ({ history_days }) => history_days + 1,
  sql(forms, span, { actors, factor, history_days }) {
    const at = forms.column('timestamp')
    const whole = fromMidnight(span)
    const columns = [`${forms.utcDay(at)} AS day`, `${ACTOR} AS actor`, 'actor_ip AS address']
    const isKnown = `${SUCCEEDED} AND actor_ip IS NOT NULL AND ${ACTOR} IS NOT NULL`
    return `
WITH acts AS (${eventsOf(forms, withHistory(whole, history_days), columns, isKnown)}
), daily AS (
  SELECT address, day, COUNT(DISTINCT actor) AS events, COUNT(*) AS requests, MIN(us) AS us,
    MIN(${at}) AS started_at, MAX(${at}) AS ended_at
  FROM acts GROUP BY address, day
), crowded AS (
  SELECT * FROM daily WHERE us >= ${micros(whole.from)} AND events >= ${actors}
), ${medians({ daily: 'daily', unusual: 'crowded', by: 'address' })}
SELECT c.started_at, c.ended_at, c.address, c.day, c.requests AS events, c.events AS various, m.usual
FROM crowded AS c LEFT JOIN medians AS m ON m.address = c.address AND m.day = c.day
WHERE ${isBeyond('c.events', factor, 'm.usual')}`
  },
  what: ({ events, various, usual }) =>
    `${plural(events, 'request')} of ${plural(various ?? 0, 'account')} came from one address in one day; ${usually(usual)}.`,
})
