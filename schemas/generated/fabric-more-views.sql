CREATE VIEW dbo.audit_sessions AS
-- What did an actor do without a pause of more than 30 minutes, from where, and after how long a pause?
WITH acts AS (
  SELECT "timestamp", DATEDIFF_BIG(microsecond, '1970-01-01', "timestamp") AS us, content_hash, action, response_code, actor_user_id, actor_email, actor_ip,
    user_asset, user_email, coalesce(actor_user_id, actor_email) AS actor, coalesce(coalesce(actor_user_id, actor_email), content_hash) AS who
  FROM dbo.audit_events
  WHERE coalesce(actor_user_id, actor_email) IS NOT NULL
), stepped AS (
  SELECT acts.*, LAG(us) OVER (PARTITION BY who ORDER BY us, content_hash) AS before_us
  FROM acts
), starting AS (
  SELECT stepped.*, CASE WHEN us - before_us > 1800000000 THEN us - before_us END AS pause_us
  FROM stepped
), numbered AS (
  SELECT starting.*, SUM(CASE WHEN before_us IS NULL OR pause_us IS NOT NULL THEN 1 ELSE 0 END)
    OVER (PARTITION BY who ORDER BY us, content_hash ROWS UNBOUNDED PRECEDING) AS session
  FROM starting
)
SELECT
  e.actor,
  MAX(e.actor_email) AS actor_email,
  MIN(e."timestamp") AS started_at,
  MAX(e."timestamp") AS ended_at,
  CAST(FLOOR((MAX(e.us) - MIN(e.us)) / 1000000.0) AS BIGINT) AS seconds,
  CAST(FLOOR((MAX(e.pause_us)) / 1000000.0) AS BIGINT) AS away_seconds,
  MIN(e.actor_ip) AS actor_ip,
  COUNT(DISTINCT e.actor_ip) AS addresses,
  COUNT(*) AS events,
  CAST(SUM(CASE WHEN e.response_code >= 400 THEN 1 ELSE 0 END) AS BIGINT) AS refused,
  CAST(SUM(CASE WHEN e.action = 'artifact:read' AND coalesce(e.response_code, 200) < 400 THEN 1 ELSE 0 END) AS BIGINT) AS artifact_reads,
  CAST(SUM(CASE WHEN a.destructive = 1 AND coalesce(e.response_code, 200) < 400 THEN 1 ELSE 0 END) AS BIGINT) AS destructive,
  CAST(SUM(CASE WHEN a.category = 'admin' AND coalesce(e.response_code, 200) < 400 THEN 1 ELSE 0 END) AS BIGINT) AS admin,
  CAST(SUM(CASE WHEN e.action = 'user:create_api_key' AND coalesce(e.response_code, 200) < 400 THEN 1 ELSE 0 END) AS BIGINT) AS keys_created
FROM numbered AS e
LEFT JOIN wandb_audit.audit_actions AS a ON a.action = e.action
GROUP BY e.actor, e.session;
GO
CREATE VIEW dbo.audit_logins AS
-- Who logged in or was refused, from where, and after how many refused log-ins from there since the last one that worked?
WITH attempts AS (
  SELECT "timestamp", DATEDIFF_BIG(microsecond, '1970-01-01', "timestamp") AS us, content_hash, action, response_code, actor_user_id, actor_email, actor_ip,
    coalesce(actor_user_id, user_asset) AS account, coalesce(actor_email, user_email) AS account_email,
    coalesce(actor_ip, actor_user_id, user_asset, actor_email, user_email, content_hash) AS origin,
    CASE
      WHEN response_code >= 400 THEN 'refused'
      WHEN action = 'user:login' THEN 'succeeded'
      ELSE 'begun'
    END AS outcome
  FROM dbo.audit_events
  WHERE action IN ('user:login', 'user:initiate_login')
), counted AS (
  SELECT attempts.*, SUM(CASE WHEN outcome = 'succeeded' THEN 1 ELSE 0 END) OVER (PARTITION BY origin ORDER BY us, content_hash ROWS UNBOUNDED PRECEDING)
      - CASE WHEN outcome = 'succeeded' THEN 1 ELSE 0 END AS successes
  FROM attempts
), preceded AS (
  SELECT counted.*, SUM(CASE WHEN outcome = 'refused' THEN 1 END) OVER (PARTITION BY origin, successes ORDER BY us, content_hash ROWS UNBOUNDED PRECEDING) AS refused_before, MAX(CASE WHEN outcome = 'refused' THEN us END) OVER (PARTITION BY origin, successes ORDER BY us, content_hash ROWS UNBOUNDED PRECEDING) AS refused_us
  FROM counted
)
SELECT
  "timestamp",
  action,
  outcome,
  response_code,
  account,
  account_email,
  actor_ip,
  CAST(coalesce(refused_before, 0) AS BIGINT) - CASE WHEN outcome = 'refused' THEN 1 ELSE 0 END AS refused_before,
  CASE WHEN outcome <> 'refused' THEN CAST(FLOOR((us - refused_us) / 1000000.0) AS BIGINT) END AS seconds_since_refused
FROM preceded;
GO
CREATE VIEW dbo.audit_keys AS
-- Which API keys were created or deleted, by whom, for whom, from where, and what did the actor do before and after in the session?
WITH acts AS (
  SELECT "timestamp", DATEDIFF_BIG(microsecond, '1970-01-01', "timestamp") AS us, content_hash, action, response_code, actor_user_id, actor_email, actor_ip,
    user_asset, user_email, coalesce(actor_user_id, actor_email) AS actor, coalesce(coalesce(actor_user_id, actor_email), content_hash) AS who
  FROM dbo.audit_events
  WHERE coalesce(actor_user_id, actor_email) IN (SELECT coalesce(actor_user_id, actor_email) FROM dbo.audit_events WHERE action IN ('user:create_api_key', 'user:delete_api_key') AND coalesce(actor_user_id, actor_email) IS NOT NULL) OR action IN ('user:create_api_key', 'user:delete_api_key')
), stepped AS (
  SELECT acts.*, LAG(us) OVER (PARTITION BY who ORDER BY us, content_hash) AS before_us
  FROM acts
), starting AS (
  SELECT stepped.*, CASE WHEN us - before_us > 1800000000 THEN us - before_us END AS pause_us
  FROM stepped
), numbered AS (
  SELECT starting.*, SUM(CASE WHEN before_us IS NULL OR pause_us IS NOT NULL THEN 1 ELSE 0 END)
    OVER (PARTITION BY who ORDER BY us, content_hash ROWS UNBOUNDED PRECEDING) AS session
  FROM starting
), placed AS (
  SELECT numbered.*,
    MIN("timestamp") OVER (PARTITION BY who, session) AS session_started_at,
    us - MIN(us) OVER (PARTITION BY who, session) AS into_us,
    MAX(pause_us) OVER (PARTITION BY who, session) AS away_us,
    ROW_NUMBER() OVER (PARTITION BY who, session ORDER BY us, content_hash) - 1 AS events_before,
    COUNT(*) OVER (PARTITION BY who, session) - ROW_NUMBER() OVER (PARTITION BY who, session ORDER BY us, content_hash) AS events_after,
    SUM(CASE WHEN action = 'artifact:read' AND coalesce(response_code, 200) < 400 THEN 1 ELSE 0 END) OVER (PARTITION BY who, session) - SUM(CASE WHEN action = 'artifact:read' AND coalesce(response_code, 200) < 400 THEN 1 ELSE 0 END) OVER (PARTITION BY who, session ORDER BY us, content_hash ROWS UNBOUNDED PRECEDING) AS reads_after,
    MIN("timestamp") OVER (PARTITION BY who, actor_ip) AS first_seen_at
  FROM numbered
)
SELECT
  "timestamp",
  action,
  response_code,
  actor,
  actor_email,
  actor_ip,
  coalesce(user_asset, actor_user_id) AS key_user,
  coalesce(user_email, CASE WHEN user_asset IS NULL OR user_asset = actor_user_id THEN actor_email END) AS key_email,
  session_started_at,
  CAST(FLOOR((into_us) / 1000000.0) AS BIGINT) AS seconds_into_session,
  CAST(FLOOR((away_us) / 1000000.0) AS BIGINT) AS away_seconds,
  CASE WHEN actor_ip IS NOT NULL THEN first_seen_at END AS address_first_seen_at,
  events_before,
  events_after,
  CAST(reads_after AS BIGINT) AS artifact_reads_after
FROM placed
WHERE action IN ('user:create_api_key', 'user:delete_api_key');
