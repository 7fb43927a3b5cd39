-- How much happens on each UTC day, by category, and how many actors are behind it?
SELECT
  (e."timestamp" AT TIME ZONE 'UTC')::DATE AS day,
  coalesce(a.category, 'unknown') AS category,
  count(*) AS events,
  count(DISTINCT coalesce(e.actor_user_id, e.actor_email)) AS actors
FROM audit_events AS e
LEFT JOIN audit_actions AS a ON a.action = e.action
GROUP BY ALL
ORDER BY day, category
