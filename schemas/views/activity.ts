/**
 * Views of what accounts do: sessions, log-ins, API keys. One text for all dialects, and no ORDER BY, which T-SQL allows in no view.
 *
 * Windows are ordered by the hash too: events of one instant would have another order in each window.
 */

import type { DetectionForms } from '../detections/detection.js'

/** What the dialects write differently. */
export interface ViewForms extends Pick<DetectionForms, 'table' | 'column' | 'microseconds'> {
  /** The condition that a boolean column is true, where the column is none by itself. */
  isTrue?(column: string): string
}

export interface View {
  readonly name: string
  /** A plain SELECT, its question in a comment on the first line. */
  readonly sql: string
}

/** A pause longer than this ends a session. */
const GAP_MINUTES = 30

const ACTOR = 'coalesce(actor_user_id, actor_email)'
const BY_TIME = 'ORDER BY us, content_hash'
const SO_FAR = 'ROWS UNBOUNDED PRECEDING'

const seconds = (us: string): string => `CAST(FLOOR((${us}) / 1000000.0) AS BIGINT)`

/**
 * CTEs, the last of which is `numbered`: the events with the number of their actor's session; the first of a session has the pause
 * before it, unless nothing was before. An event without an actor is a session of its own.
 */
function numbered({ table, column, microseconds }: ViewForms, condition: string): string {
  const at = column('timestamp')
  return `acts AS (
  SELECT ${at}, ${microseconds(at)} AS us, content_hash, action, response_code, actor_user_id, actor_email, actor_ip,
    user_asset, user_email, ${ACTOR} AS actor, coalesce(${ACTOR}, content_hash) AS who
  FROM ${table('audit_events')}
  WHERE ${condition}
), stepped AS (
  SELECT acts.*, LAG(us) OVER (PARTITION BY who ${BY_TIME}) AS before_us
  FROM acts
), starting AS (
  SELECT stepped.*, CASE WHEN us - before_us > ${GAP_MINUTES * 60_000_000} THEN us - before_us END AS pause_us
  FROM stepped
), numbered AS (
  SELECT starting.*, SUM(CASE WHEN before_us IS NULL OR pause_us IS NOT NULL THEN 1 ELSE 0 END)
    OVER (PARTITION BY who ${BY_TIME} ${SO_FAR}) AS session
  FROM starting
)`
}

function sessions(forms: ViewForms): View {
  const { table, column, isTrue = (condition: string) => condition } = forms
  const at = column('timestamp')
  const count = (condition: string): string => `SUM(CASE WHEN ${condition} THEN 1 ELSE 0 END)`
  const whole = (sum: string): string => `CAST(${sum} AS BIGINT)`
  return {
    name: 'audit_sessions',
    sql: `-- What did an actor do without a pause of more than ${GAP_MINUTES} minutes, from where, and after how long a pause?
WITH ${numbered(forms, `${ACTOR} IS NOT NULL`)}
SELECT
  e.actor,
  MAX(e.actor_email) AS actor_email,
  MIN(e.${at}) AS started_at,
  MAX(e.${at}) AS ended_at,
  ${seconds('MAX(e.us) - MIN(e.us)')} AS seconds,
  ${seconds('MAX(e.pause_us)')} AS away_seconds,
  MIN(e.actor_ip) AS actor_ip,
  COUNT(DISTINCT e.actor_ip) AS addresses,
  COUNT(*) AS events,
  ${whole(count('e.response_code >= 400'))} AS refused,
  ${whole(count("e.action = 'artifact:read' AND coalesce(e.response_code, 200) < 400"))} AS artifact_reads,
  ${whole(count(`${isTrue('a.destructive')} AND coalesce(e.response_code, 200) < 400`))} AS destructive,
  ${whole(count("a.category = 'admin' AND coalesce(e.response_code, 200) < 400"))} AS admin,
  ${whole(count("e.action = 'user:create_api_key' AND coalesce(e.response_code, 200) < 400"))} AS keys_created
FROM numbered AS e
LEFT JOIN ${table('audit_actions')} AS a ON a.action = e.action
GROUP BY e.actor, e.session`,
  }
}

/** Refused log-ins often have no actor; what they share with the log-in that works is the address. */
function logins({ table, column, microseconds }: ViewForms): View {
  const at = column('timestamp')
  const refused = (column: string): string => `CASE WHEN outcome = 'refused' THEN ${column} END`
  const sinceSuccess = `OVER (PARTITION BY origin, successes ${BY_TIME} ${SO_FAR})`
  return {
    name: 'audit_logins',
    sql: `-- Who logged in or was refused, from where, and after how many refused log-ins from there since the last one that worked?
WITH attempts AS (
  SELECT ${at}, ${microseconds(at)} AS us, content_hash, action, response_code, actor_user_id, actor_email, actor_ip,
    coalesce(actor_user_id, user_asset) AS account, coalesce(actor_email, user_email) AS account_email,
    coalesce(actor_ip, actor_user_id, user_asset, actor_email, user_email, content_hash) AS origin,
    CASE
      WHEN response_code >= 400 THEN 'refused'
      WHEN action = 'user:login' THEN 'succeeded'
      ELSE 'begun'
    END AS outcome
  FROM ${table('audit_events')}
  WHERE action IN ('user:login', 'user:initiate_login')
), counted AS (
  SELECT attempts.*, SUM(CASE WHEN outcome = 'succeeded' THEN 1 ELSE 0 END) OVER (PARTITION BY origin ${BY_TIME} ${SO_FAR})
      - CASE WHEN outcome = 'succeeded' THEN 1 ELSE 0 END AS successes
  FROM attempts
), preceded AS (
  SELECT counted.*, SUM(${refused('1')}) ${sinceSuccess} AS refused_before, MAX(${refused('us')}) ${sinceSuccess} AS refused_us
  FROM counted
)
SELECT
  ${at},
  action,
  outcome,
  response_code,
  account,
  account_email,
  actor_ip,
  CAST(coalesce(refused_before, 0) AS BIGINT) - CASE WHEN outcome = 'refused' THEN 1 ELSE 0 END AS refused_before,
  CASE WHEN outcome <> 'refused' THEN ${seconds('us - refused_us')} END AS seconds_since_refused
FROM preceded`,
  }
}

function keys(forms: ViewForms): View {
  const at = forms.column('timestamp')
  const KEYS = "action IN ('user:create_api_key', 'user:delete_api_key')"
  const makers = `SELECT ${ACTOR} FROM ${forms.table('audit_events')} WHERE ${KEYS} AND ${ACTOR} IS NOT NULL`
  const inSession = 'PARTITION BY who, session'
  const read = "CASE WHEN action = 'artifact:read' AND coalesce(response_code, 200) < 400 THEN 1 ELSE 0 END"
  return {
    name: 'audit_keys',
    sql: `-- Which API keys were created or deleted, by whom, for whom, from where, and what did the actor do before and after in the session?
WITH ${numbered(forms, `${ACTOR} IN (${makers}) OR ${KEYS}`)}, placed AS (
  SELECT numbered.*,
    MIN(${at}) OVER (${inSession}) AS session_started_at,
    us - MIN(us) OVER (${inSession}) AS into_us,
    MAX(pause_us) OVER (${inSession}) AS away_us,
    ROW_NUMBER() OVER (${inSession} ${BY_TIME}) - 1 AS events_before,
    COUNT(*) OVER (${inSession}) - ROW_NUMBER() OVER (${inSession} ${BY_TIME}) AS events_after,
    SUM(${read}) OVER (${inSession}) - SUM(${read}) OVER (${inSession} ${BY_TIME} ${SO_FAR}) AS reads_after,
    MIN(${at}) OVER (PARTITION BY who, actor_ip) AS first_seen_at
  FROM numbered
)
SELECT
  ${at},
  action,
  response_code,
  actor,
  actor_email,
  actor_ip,
  coalesce(user_asset, actor_user_id) AS key_user,
  coalesce(user_email, CASE WHEN user_asset IS NULL OR user_asset = actor_user_id THEN actor_email END) AS key_email,
  session_started_at,
  ${seconds('into_us')} AS seconds_into_session,
  ${seconds('away_us')} AS away_seconds,
  CASE WHEN actor_ip IS NOT NULL THEN first_seen_at END AS address_first_seen_at,
  events_before,
  events_after,
  CAST(reads_after AS BIGINT) AS artifact_reads_after
FROM placed
WHERE ${KEYS}`,
  }
}

export const activityViews = (forms: ViewForms): readonly View[] => [sessions(forms), logins(forms), keys(forms)]
