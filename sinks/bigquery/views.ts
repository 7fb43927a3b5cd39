/** The views of schemas/views in BigQuery's SQL: the same names, columns and answers. */

import { BIGQUERY } from '../../schemas/ddl.js'
import { AUDIT_ACTIONS, AUDIT_EVENTS, AUDIT_REJECTS, type Table } from '../../schemas/tables.js'
import type { View } from '../../schemas/views.js'

const AT = BIGQUERY.quote('timestamp')

/** @param table what stands in FROM for a table */
export const views = (table: (table: Table) => string): View[] => [
  {
    name: 'audit_activity_per_day',
    sql: `-- How much happens on each UTC day, by category, and how many actors are behind it?
SELECT
  DATE(e.${AT}) AS day,
  COALESCE(a.category, 'unknown') AS category,
  COUNT(*) AS events,
  COUNT(DISTINCT COALESCE(e.actor_user_id, e.actor_email)) AS actors
FROM ${table(AUDIT_EVENTS)} AS e
LEFT JOIN ${table(AUDIT_ACTIONS)} AS a ON a.action = e.action
GROUP BY day, category
ORDER BY day, category`,
  },
  {
    name: 'audit_api_keys_created',
    sql: `-- When was an API key created, by whom, and for whom?
SELECT
  ${AT} AS created_at,
  COALESCE(actor_email, actor_user_id) AS created_by,
  COALESCE(user_email, user_asset) AS created_for
FROM ${table(AUDIT_EVENTS)}
WHERE action = 'user:create_api_key'
  AND COALESCE(response_code, 200) < 400
ORDER BY created_at`,
  },
  {
    name: 'audit_refused_requests',
    sql: `-- Whose requests were refused or failed (status 400 and above), how often, and when last?
SELECT
  COALESCE(MAX_BY(actor_email, IF(actor_email IS NULL, NULL, ${AT})), ANY_VALUE(actor_user_id)) AS actor,
  COUNT(*) AS refused,
  MAX(${AT}) AS last_at
FROM ${table(AUDIT_EVENTS)}
WHERE response_code >= 400
GROUP BY COALESCE(actor_user_id, actor_email)
ORDER BY refused DESC, last_at DESC`,
  },
  {
    name: 'audit_rejects_by_reason',
    sql: `-- Why did lines not become events, in how many documents, and when last?
SELECT
  reason,
  COUNT(*) AS rejects,
  COUNT(DISTINCT source_document) AS documents,
  MAX(loaded_at) AS last_at
FROM ${table(AUDIT_REJECTS)}
GROUP BY reason
ORDER BY rejects DESC, reason`,
  },
]
