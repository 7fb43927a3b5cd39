import { z } from 'zod'
import { plural } from '../words.js'
import { detection } from './detection.js'
import { ACTOR, DAY, days, eventsOf, isIn, SUCCEEDED, withHistory } from './sql.js'

export const newNetwork = detection({
  id: 'new_network',
  title: 'First request of an account from a network',
  severity: 'low',
  why: 'A stolen session or key is used from where its thief is. Read these beside the other findings of the same account.',
  normal: 'Travel, home offices and providers that reassign addresses. In many companies there are several a day.',
  technique: { id: 'T1078', name: 'Valid Accounts' },
  parameters: z.strictObject({
    by: z
      .enum(['network', 'address'])
      .default('network')
      .describe('What must be new: the network (/24 of IPv4, /48 of IPv6), or the address itself.'),
    known_days: days(7, 'How long the account must be known.'),
    history_days: days(90, 'How far back networks are remembered.'),
  }),
  key: ['actor', 'subject', 'day'],
  historyDays: ({ history_days }) => history_days,
  sql(forms, span, { by, known_days, history_days }) {
    const at = forms.column('timestamp')
    const subject = by === 'network' ? forms.network('actor_ip') : 'actor_ip'
    const columns = [`${ACTOR} AS actor`, `${subject} AS subject`, 'actor_email', 'actor_ip']
    const isKnown = `${SUCCEEDED} AND ${ACTOR} IS NOT NULL AND actor_ip IS NOT NULL`
    return `
WITH acts AS (${eventsOf(forms, withHistory(span, history_days), columns, isKnown)}
), places AS (
  SELECT actor, subject, MIN(us) AS us, MIN(${at}) AS started_at, MAX(${at}) AS ended_at,
    MAX(actor_email) AS actor_email, MIN(actor_ip) AS address, COUNT(*) AS events
  FROM acts GROUP BY actor, subject
), firsts AS (
  SELECT *, MIN(us) OVER (PARTITION BY actor) AS first_us FROM places
)
SELECT started_at, ended_at, actor, actor_email, address, subject, ${forms.utcDay('started_at')} AS day, events
FROM firsts
WHERE ${isIn(span)} AND us - first_us >= ${known_days * DAY}`
  },
  what: ({ events }) =>
    `The account's first request from this network or address; ${plural(events, 'request')} in all.`,
})
