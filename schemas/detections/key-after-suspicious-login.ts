import { z } from 'zod'
import { inWords, plural } from '../words.js'
import { detection } from './detection.js'
import { ACTOR, DAY, days, eventsOf, isIn, MINUTE, number, SUCCEEDED, seconds, TARGET, withHistory } from './sql.js'

export const keyAfterSuspiciousLogin = detection({
  id: 'key_after_suspicious_login',
  title: 'API key created soon after a return or from a new network',
  severity: 'high',
  why:
    'Whoever takes over an account makes an API key first: it survives a change of the password and the end of the session. ' +
    'The logs have no key ids, so what the key is used for later cannot be told from other work of the account.',
  normal:
    'A person back from a long leave, on a new machine or travelling. Ask them whether they made the key; if not, delete it and ' +
    'deactivate the account. New accounts are left out: their first key is how work begins.',
  technique: { id: 'T1098.001', name: 'Account Manipulation: Additional Cloud Credentials' },
  parameters: z.strictObject({
    within_minutes: number(60, 'How soon after it the key is created.'),
    dormant_days: days(30, 'How long an account did nothing, to count as dormant.'),
    known_days: days(
      14,
      'How long an account must be known for its networks to count as known; with a log-in from the new one, a day is enough.',
    ),
    history_days: days(90, 'How far back networks and activity are remembered.'),
  }),
  key: ['content_hash'],
  historyDays: ({ history_days, dormant_days }) => Math.max(history_days, dormant_days + 1),
  sql(forms, span, { within_minutes, dormant_days, known_days, history_days }) {
    const at = forms.column('timestamp')
    const history = withHistory(span, Math.max(history_days, dormant_days + 1))
    const within = within_minutes * MINUTE
    const actor = `${ACTOR} AS actor`
    const address = ['actor_email', 'actor_ip', `${forms.network('actor_ip')} AS network`]
    const isKey = `action = 'user:create_api_key' AND ${SUCCEEDED} AND ${ACTOR} IS NOT NULL`
    return `
WITH created AS (${eventsOf(forms, span, [actor, ...address, `${TARGET} AS subject`, 'content_hash'], isKey)}
), acts AS (${eventsOf(forms, history, [actor, ...address, 'action'], `${SUCCEEDED} AND ${ACTOR} IN (SELECT actor FROM created)`)}
), newcomers AS (${eventsOf(forms, history, ['user_asset AS actor'], "action = 'user:create' AND user_asset IS NOT NULL")}
), log AS (${eventsOf(forms, history, [], 'TRUE')}
), ordered AS (
  SELECT actor, us, LAG(us) OVER (PARTITION BY actor ORDER BY us) AS before_us FROM acts
), returns AS (
  SELECT actor, us, us - before_us AS absent FROM ordered WHERE us - before_us >= ${dormant_days * DAY}
  UNION ALL
  SELECT o.actor, o.us, o.us - l.first_us AS absent
  FROM ordered AS o CROSS JOIN (SELECT MIN(us) AS first_us FROM log) AS l
  WHERE o.before_us IS NULL AND o.us - l.first_us >= ${dormant_days * DAY}
    AND o.actor NOT IN (SELECT actor FROM newcomers)
), arrivals AS (
  SELECT n.actor, n.network, n.us, n.login_us, n.us - a.us AS known
  FROM (
    SELECT actor, network, MIN(us) AS us, MIN(CASE WHEN action = 'user:login' THEN us END) AS login_us
    FROM acts WHERE network IS NOT NULL GROUP BY actor, network
  ) AS n
  JOIN (SELECT actor, MIN(us) AS us FROM acts WHERE network IS NOT NULL GROUP BY actor) AS a ON a.actor = n.actor
), reasons AS (
  SELECT c.content_hash, MIN(c.us - r.us) AS delay, MAX(r.absent) AS absent, 0 AS arrived
  FROM created AS c JOIN returns AS r ON r.actor = c.actor AND c.us - r.us BETWEEN 0 AND ${within}
  GROUP BY c.content_hash
  UNION ALL
  SELECT c.content_hash, c.us - a.us AS delay, 0 AS absent, 1 AS arrived
  FROM created AS c JOIN arrivals AS a
    ON a.actor = c.actor AND a.network = c.network AND c.us - a.us BETWEEN 0 AND ${within}
  WHERE a.known >= ${known_days * DAY} OR (a.known >= ${DAY} AND a.login_us <= c.us)
), joined AS (
  SELECT content_hash, MIN(delay) AS delay, MAX(absent) AS absent, MAX(arrived) AS arrived
  FROM reasons GROUP BY content_hash
)
SELECT c.${at} AS started_at, c.actor, c.actor_email, c.actor_ip AS address, c.subject, c.content_hash, 1 AS events,
  ${seconds('j.delay')} AS seconds, ${seconds('j.absent')} AS usual, j.arrived AS various
FROM created AS c JOIN joined AS j ON j.content_hash = c.content_hash
WHERE ${isIn(span, 'c.us')}`
  },
  what({ seconds, usual, various }) {
    const day = 86_400
    const absent =
      usual === null || usual === 0 ? '' : `a return after ${plural(Math.floor(usual / day), 'day')} without activity`
    const arrived = various === 1 ? 'the first request from a network new to the account' : ''
    const when = (seconds ?? 0) < 1 ? 'in the same second as' : `${inWords(seconds ?? 0)} after`
    return `An API key was created ${when} ${[arrived, absent].filter(Boolean).join(' and ')}.`
  },
})
