WITH instants AS (
  SELECT *, CASE CAST(UNIX_MICROS(`timestamp`) AS STRING) WHEN '0' THEN '0' ELSE CAST(UNIX_MICROS(`timestamp`) AS STRING) || '000' END AS nanoseconds
  FROM wandb_audit.audit_events WHERE extra IS NULL
), texts AS (
  SELECT DATE(`timestamp`, 'UTC') AS utc_day, content_hash,
    CAST(BYTE_LENGTH(nanoseconds) AS STRING) || ':' || nanoseconds || ',' ||
    CASE WHEN `action` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`action`) AS STRING) || ':' || `action` END || ',' ||
    CASE WHEN `actor_user_id` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`actor_user_id`) AS STRING) || ':' || `actor_user_id` END || ',' ||
    CASE WHEN `response_code` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(CAST(`response_code` AS STRING)) AS STRING) || ':' || CAST(`response_code` AS STRING) END || ',' ||
    CASE WHEN `artifact_asset` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`artifact_asset`) AS STRING) || ':' || `artifact_asset` END || ',' ||
    CASE WHEN `artifact_sequence_asset` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`artifact_sequence_asset`) AS STRING) || ':' || `artifact_sequence_asset` END || ',' ||
    CASE WHEN `entity_asset` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`entity_asset`) AS STRING) || ':' || `entity_asset` END || ',' ||
    CASE WHEN `project_asset` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`project_asset`) AS STRING) || ':' || `project_asset` END || ',' ||
    CASE WHEN `report_asset` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`report_asset`) AS STRING) || ':' || `report_asset` END || ',' ||
    CASE WHEN `user_asset` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`user_asset`) AS STRING) || ':' || `user_asset` END || ',' ||
    CASE WHEN `cli_version` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`cli_version`) AS STRING) || ':' || `cli_version` END || ',' ||
    CASE WHEN `actor_ip` IS NULL THEN '-' ELSE CAST(BYTE_LENGTH(`actor_ip`) AS STRING) || ':' || `actor_ip` END AS identity_text
  FROM instants
), numbered AS (
  SELECT identity_text, ROW_NUMBER() OVER (PARTITION BY TO_HEX(SHA256(identity_text)) ORDER BY content_hash) - 1 AS n
  FROM texts
), hashes AS (
  SELECT TO_HEX(SHA256(identity_text || CASE n WHEN 0 THEN '' ELSE '#' || CAST(n AS STRING) END)) AS recomputed
  FROM numbered
)
SELECT utc_day, COUNT(*) AS events, SUM(CASE WHEN recomputed IS NULL THEN 1 ELSE 0 END) AS altered
FROM texts LEFT JOIN hashes ON recomputed = content_hash
GROUP BY utc_day ORDER BY utc_day;
