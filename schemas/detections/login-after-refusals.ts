import { z } from 'zod'
import { inWords, plural } from '../words.js'
import { detection } from './detection.js'
import { ACTOR, eventsOf, isIn, MINUTE, number, REFUSED, SECOND, SUCCEEDED, seconds, withHistory } from './sql.js'

const LOGINS = "action IN ('user:login', 'user:initiate_login')"

export const loginAfterRefusals = detection({
  id: 'login_after_refusals',
  title: 'Log-in after many refused ones',
  severity: 'high',
  why:
    'A password was guessed, or one of a leaked list fit. Refused log-ins count if they came from the same address or named the same ' +
    'account, because many of them have no actor id.',
  normal:
    'A person with a forgotten password, or a script with an expired one. Behind one address of an office are many people.',
  technique: { id: 'T1110', name: 'Brute Force' },
  parameters: z.strictObject({
    refusals: number(5, 'How many refused log-ins must precede it.'),
    within_minutes: number(30, 'Over what time they are counted.'),
  }),
  key: ['content_hash'],
  historyDays: ({ within_minutes }) => Math.ceil(within_minutes / 1440),
  sql(forms, span, { refusals, within_minutes }) {
    const at = forms.column('timestamp')
    const before = withHistory(span, within_minutes / 1440)
    const columns = [`${ACTOR} AS actor`, 'actor_email', 'actor_ip', 'content_hash']
    // A join for each reason, because no warehouse joins well by OR. Refusals are counted by the second first, apart if a log-in
    // came between them: a log-in then meets few rows for each second of the time before it, however many were refused.
    const matched = (theirs: string, ours: string): string => `SELECT l.content_hash AS login, r.refused, r.first_us
  FROM logins AS l
  JOIN (
    SELECT matched, MIN(us) AS first_us, MAX(us) AS us, SUM(refused) AS refused
    FROM (
      SELECT matched, us, refused,
        SUM(1 - refused) OVER (PARTITION BY matched ORDER BY us, refused DESC ROWS UNBOUNDED PRECEDING) AS logins_before
      FROM (
        SELECT ${theirs} AS matched, us, 1 AS refused FROM refusals
        UNION ALL SELECT ${ours}, us, 0 FROM logins
      ) AS tries WHERE matched IS NOT NULL
    ) AS in_order
    WHERE refused = 1 GROUP BY matched, us - MOD(us, ${SECOND}), logins_before
  ) AS r ON r.matched = l.${ours}
  WHERE ${isIn(span, 'l.us')} AND l.us - r.us BETWEEN 0 AND ${within_minutes * MINUTE}
    AND (l.before_us IS NULL OR r.us > l.before_us)`
    const counted = (theirs: string, ours: string): string =>
      `SELECT login, SUM(refused) AS refused, MIN(first_us) AS first_us FROM (${matched(theirs, ours)}) AS m GROUP BY login`
    return `
WITH successes AS (${eventsOf(forms, before, columns, `action = 'user:login' AND ${SUCCEEDED}`)}
), logins AS (
  SELECT *, LAG(us) OVER (PARTITION BY actor, actor_ip ORDER BY us, content_hash) AS before_us FROM successes
), refusals AS (${eventsOf(forms, before, [...columns, `coalesce(user_asset, ${ACTOR}) AS target`], `${LOGINS} AND ${REFUSED}`)}
), reasons AS (
  ${[counted('actor_ip', 'actor_ip'), counted('actor', 'actor'), counted('target', 'actor')].join('\n  UNION ALL\n  ')}
), counted AS (
  SELECT login, MAX(refused) AS refused, MIN(first_us) AS first_us FROM reasons GROUP BY login
)
SELECT l.${at} AS started_at, l.actor, l.actor_email, l.actor_ip AS address, l.content_hash,
  c.refused AS events, ${seconds('l.us - c.first_us')} AS seconds
FROM logins AS l JOIN counted AS c ON c.login = l.content_hash
WHERE c.refused >= ${refusals}`
  },
  what: ({ events, seconds }) =>
    `A log-in succeeded after ${plural(events, 'refused one')} within ${inWords(seconds ?? 0)}.`,
})
