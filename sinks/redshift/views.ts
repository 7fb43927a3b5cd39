/** The views of schemas/views, in Redshift's SQL. */

import { AUDIT_ACTIONS, AUDIT_EVENTS, AUDIT_REJECTS } from '../../schemas/tables.js'
import { type Place, tableOf } from './place.js'

/** An instant's UTC day. */
export const utcDay = (value: string): string => `CAST(${value} AT TIME ZONE 'UTC' AS DATE)`

/** Each a plain SELECT on full names, as views that are bound late need them. */
export function views(place: Place): readonly { readonly name: string; readonly sql: string }[] {
  const events = tableOf(place, AUDIT_EVENTS)
  return [
    {
      name: 'audit_activity_per_day',
      sql: `SELECT ${utcDay('e."timestamp"')} AS day, COALESCE(a.category, 'unknown') AS category, COUNT(*) AS events,
  COUNT(DISTINCT COALESCE(e.actor_user_id, e.actor_email)) AS actors
FROM ${events} AS e
LEFT JOIN ${tableOf(place, AUDIT_ACTIONS)} AS a ON a.action = e.action
GROUP BY 1, 2`,
    },
    {
      name: 'audit_api_keys_created',
      sql: `SELECT "timestamp" AS created_at, COALESCE(actor_email, actor_user_id) AS created_by, COALESCE(user_email, user_asset) AS created_for
FROM ${events}
WHERE action = 'user:create_api_key' AND COALESCE(response_code, 200) < 400`,
    },
    {
      name: 'audit_refused_requests',
      sql: `SELECT COALESCE(MAX(CASE WHEN newest = 1 THEN actor_email END), MAX(actor_user_id)) AS actor, COUNT(*) AS refused, MAX("timestamp") AS last_at
FROM (
  SELECT "timestamp", actor_user_id, actor_email, COALESCE(actor_user_id, actor_email) AS who,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(actor_user_id, actor_email)
      ORDER BY CASE WHEN actor_email IS NULL THEN 1 ELSE 0 END, "timestamp" DESC
    ) AS newest
  FROM ${events}
  WHERE response_code >= 400
) AS refusals
GROUP BY who`,
    },
    {
      name: 'audit_rejects_by_reason',
      sql: `SELECT reason, COUNT(*) AS rejects, COUNT(DISTINCT source_document) AS documents, MAX(loaded_at) AS last_at
FROM ${tableOf(place, AUDIT_REJECTS)}
GROUP BY reason`,
    },
  ]
}
