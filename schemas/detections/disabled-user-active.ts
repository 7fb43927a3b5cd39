import { z } from 'zod'
import { inWords, plural } from '../words.js'
import { detection } from './detection.js'
import { ACTOR, days, eventsOf, isIn, MINUTE, SUCCEEDED, seconds, withHistory } from './sql.js'

const STATES = "action IN ('user:create', 'user:deactivate', 'user:permanently_delete', 'user:reactivate')"

export const disabledUserActive = detection({
  id: 'disabled_user_active',
  title: 'A deactivated or deleted user is still active',
  severity: 'high',
  why: 'A session, a key or a service outlived the account, which should have no access any more.',
  normal: 'Only requests in the first few minutes. If the account is needed, reactivate it; otherwise delete its keys.',
  technique: { id: 'T1078', name: 'Valid Accounts' },
  parameters: z.strictObject({
    grace_minutes: z.int().min(0).max(1440).default(5).describe('How long requests under way may last.'),
    history_days: days(90, 'How far back users are remembered as deactivated or deleted.'),
  }),
  key: ['actor', 'content_hash', 'day'],
  historyDays: ({ history_days }) => history_days,
  sql(forms, span, { grace_minutes, history_days }) {
    const at = forms.column('timestamp')
    const state = ['user_asset AS actor', 'action', 'content_hash']
    const act = [`${forms.utcDay(at)} AS day`, `${ACTOR} AS actor`, 'actor_email', 'actor_ip']
    return `
WITH states AS (${eventsOf(forms, withHistory(span, history_days), state, `${STATES} AND ${SUCCEEDED} AND user_asset IS NOT NULL`)}
), lasting AS (
  SELECT actor, action, content_hash, us, LEAD(us) OVER (PARTITION BY actor ORDER BY us, content_hash) AS next_us FROM states
), disabled AS (
  SELECT actor, content_hash, us, next_us FROM lasting WHERE action IN ('user:deactivate', 'user:permanently_delete')
), acts AS (${eventsOf(forms, span, act, `${SUCCEEDED} AND action <> 'user:logout' AND ${ACTOR} IN (SELECT actor FROM disabled)`)}
)
SELECT MIN(a.${at}) AS started_at, MAX(a.${at}) AS ended_at, a.actor, MAX(a.actor_email) AS actor_email,
  MAX(a.actor_ip) AS address, d.content_hash, a.day, COUNT(*) AS events, ${seconds('MIN(a.us - d.us)')} AS seconds
FROM acts AS a
JOIN disabled AS d ON d.actor = a.actor AND a.us - d.us > ${grace_minutes * MINUTE} AND (d.next_us IS NULL OR a.us < d.next_us)
WHERE ${isIn(span, 'a.us')}
GROUP BY a.actor, d.content_hash, a.day`
  },
  what: ({ events, seconds }) =>
    `${plural(events, 'successful request')} of an account that had been deactivated or deleted ${inWords(seconds ?? 0)} before.`,
})
