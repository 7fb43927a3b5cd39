/** The views of every warehouse: each answers what an analyst or auditor asks first. One text for all dialects. */

import { NAME_FIELDS, RECORD_FIELDS } from '../../schemas/tables.js'
import { activityViews, type View } from '../../schemas/views/activity.js'
import { ocsfView } from '../../schemas/views/ocsf.js'
import type { SqlForms } from './questions.js'

export type { View }

/** Addresses of machines count as names here. */
const MASKED = [...NAME_FIELDS, 'actor_ip']

export function views(forms: SqlForms): readonly View[] {
  const { table, column, utcDay } = forms
  const events = table('audit_events')
  const at = column('timestamp')
  const masked = (name: string): string => `CASE WHEN ${name} IS NULL THEN NULL ELSE '(masked)' END AS ${name}`
  return [
    {
      name: 'audit_events_masked',
      // Without content_hash, against which anyone who reads the other columns can test guesses of an address.
      sql: `-- What happened, for whoever may not see names and addresses?
SELECT
  ${RECORD_FIELDS.map((name) => (MASKED.includes(name) ? masked(name) : column(name))).join(',\n  ')},
  loaded_at
FROM ${events}`,
    },
    {
      name: 'audit_activity_per_day',
      sql: `-- How much happens on each UTC day, by category, and how many actors are behind it?
SELECT
  ${utcDay(`e.${at}`)} AS day,
  coalesce(a.category, 'unknown') AS category,
  count(*) AS events,
  count(DISTINCT coalesce(e.actor_user_id, e.actor_email)) AS actors
FROM ${events} AS e
LEFT JOIN ${table('audit_actions')} AS a ON a.action = e.action
GROUP BY 1, 2
ORDER BY 1, 2`,
    },
    {
      name: 'audit_api_keys_created',
      sql: `-- When was an API key created, by whom, and for whom?
SELECT
  ${at} AS created_at,
  coalesce(actor_email, actor_user_id) AS created_by,
  coalesce(user_email, user_asset) AS created_for
FROM ${events}
WHERE action = 'user:create_api_key'
  AND coalesce(response_code, 200) < 400
ORDER BY created_at`,
    },
    {
      name: 'audit_refused_requests',
      // Not every dialect has a function for the value at the latest instant.
      sql: `-- Whose requests were refused or failed (status 400 and above), how often, and when last?
SELECT
  coalesce(max(CASE WHEN newest = 1 THEN actor_email END), max(actor_user_id)) AS actor,
  count(*) AS refused,
  max(${at}) AS last_at
FROM (
  SELECT ${at}, actor_user_id, actor_email, coalesce(actor_user_id, actor_email) AS who,
    row_number() OVER (
      PARTITION BY coalesce(actor_user_id, actor_email)
      ORDER BY CASE WHEN actor_email IS NULL THEN 1 ELSE 0 END, ${at} DESC
    ) AS newest
  FROM ${events}
  WHERE response_code >= 400
) AS refusals
GROUP BY who
ORDER BY refused DESC, last_at DESC`,
    },
    {
      name: 'audit_rejects_by_reason',
      sql: `-- Why did lines not become events, in how many documents, and when last?
SELECT
  reason,
  count(*) AS rejects,
  count(DISTINCT source_document) AS documents,
  max(loaded_at) AS last_at
FROM ${table('audit_rejects')}
GROUP BY reason
ORDER BY rejects DESC, reason`,
    },
    ...activityViews(forms),
    ocsfView(forms),
  ]
}
