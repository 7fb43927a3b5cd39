WITH instants AS (
  SELECT *, CASE CAST(epoch_us("timestamp") AS VARCHAR) WHEN '0' THEN '0' ELSE CAST(epoch_us("timestamp") AS VARCHAR) || '000' END AS nanoseconds
  FROM audit_events WHERE extra IS NULL
), texts AS (
  SELECT CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS utc_day, content_hash,
    CAST(strlen(nanoseconds) AS VARCHAR) || ':' || nanoseconds || ',' ||
    CASE WHEN "action" IS NULL THEN '-' ELSE CAST(strlen("action") AS VARCHAR) || ':' || "action" END || ',' ||
    CASE WHEN "actor_user_id" IS NULL THEN '-' ELSE CAST(strlen("actor_user_id") AS VARCHAR) || ':' || "actor_user_id" END || ',' ||
    CASE WHEN "response_code" IS NULL THEN '-' ELSE CAST(strlen(CAST("response_code" AS VARCHAR)) AS VARCHAR) || ':' || CAST("response_code" AS VARCHAR) END || ',' ||
    CASE WHEN "artifact_asset" IS NULL THEN '-' ELSE CAST(strlen("artifact_asset") AS VARCHAR) || ':' || "artifact_asset" END || ',' ||
    CASE WHEN "artifact_sequence_asset" IS NULL THEN '-' ELSE CAST(strlen("artifact_sequence_asset") AS VARCHAR) || ':' || "artifact_sequence_asset" END || ',' ||
    CASE WHEN "entity_asset" IS NULL THEN '-' ELSE CAST(strlen("entity_asset") AS VARCHAR) || ':' || "entity_asset" END || ',' ||
    CASE WHEN "project_asset" IS NULL THEN '-' ELSE CAST(strlen("project_asset") AS VARCHAR) || ':' || "project_asset" END || ',' ||
    CASE WHEN "report_asset" IS NULL THEN '-' ELSE CAST(strlen("report_asset") AS VARCHAR) || ':' || "report_asset" END || ',' ||
    CASE WHEN "user_asset" IS NULL THEN '-' ELSE CAST(strlen("user_asset") AS VARCHAR) || ':' || "user_asset" END || ',' ||
    CASE WHEN "cli_version" IS NULL THEN '-' ELSE CAST(strlen("cli_version") AS VARCHAR) || ':' || "cli_version" END || ',' ||
    CASE WHEN "actor_ip" IS NULL THEN '-' ELSE CAST(strlen("actor_ip") AS VARCHAR) || ':' || "actor_ip" END AS identity_text
  FROM instants
), numbered AS (
  SELECT identity_text, ROW_NUMBER() OVER (PARTITION BY sha256(identity_text) ORDER BY content_hash) - 1 AS n
  FROM texts
), hashes AS (
  SELECT sha256(identity_text || CASE n WHEN 0 THEN '' ELSE '#' || CAST(n AS VARCHAR) END) AS recomputed
  FROM numbered
)
SELECT utc_day, COUNT(*) AS events, SUM(CASE WHEN recomputed IS NULL THEN 1 ELSE 0 END) AS altered
FROM texts LEFT JOIN hashes ON recomputed = content_hash
GROUP BY utc_day ORDER BY utc_day;
