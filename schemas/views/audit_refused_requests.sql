-- Whose requests were refused or failed (status 400 and above), how often, and when last?
SELECT
  coalesce(arg_max(actor_email, "timestamp"), any_value(actor_user_id)) AS actor,
  count(*) AS refused,
  max("timestamp") AS last_at
FROM audit_events
WHERE response_code >= 400
GROUP BY coalesce(actor_user_id, actor_email)
ORDER BY refused DESC, last_at DESC
