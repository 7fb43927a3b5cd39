-- When was an API key created, by whom, and for whom?
SELECT
  "timestamp" AS created_at,
  coalesce(actor_email, actor_user_id) AS created_by,
  coalesce(user_email, user_asset) AS created_for
FROM audit_events
WHERE action = 'user:create_api_key'
  AND coalesce(response_code, 200) < 400
ORDER BY created_at
