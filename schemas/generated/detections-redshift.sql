-- key_after_suspicious_login: API key created soon after a return or from a new network
WITH created AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip, COALESCE(NULLIF(REGEXP_SUBSTR(actor_ip, '^::[fF][fF][fF][fF]:[0-9]+[.][0-9]+[.][0-9]+[.]|^[0-9]+[.][0-9]+[.][0-9]+[.]|^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:'), ''), actor_ip) AS network, coalesce(user_email, user_asset) AS subject, content_hash
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-10-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action = 'user:create_api_key' AND coalesce(response_code, 200) < 400 AND coalesce(actor_user_id, actor_email) IS NOT NULL
), acts AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip, COALESCE(NULLIF(REGEXP_SUBSTR(actor_ip, '^::[fF][fF][fF][fF]:[0-9]+[.][0-9]+[.][0-9]+[.]|^[0-9]+[.][0-9]+[.][0-9]+[.]|^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:'), ''), actor_ip) AS network, action
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-07-31 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND coalesce(response_code, 200) < 400 AND coalesce(actor_user_id, actor_email) IN (SELECT actor FROM created)
), newcomers AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, user_asset AS actor
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-07-31 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action = 'user:create' AND user_asset IS NOT NULL
), log AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-07-31 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND TRUE
), ordered AS (
  SELECT actor, us, LAG(us) OVER (PARTITION BY actor ORDER BY us) AS before_us FROM acts
), returns AS (
  SELECT actor, us, us - before_us AS absent FROM ordered WHERE us - before_us >= 2592000000000
  UNION ALL
  SELECT o.actor, o.us, o.us - l.first_us AS absent
  FROM ordered AS o CROSS JOIN (SELECT MIN(us) AS first_us FROM log) AS l
  WHERE o.before_us IS NULL AND o.us - l.first_us >= 2592000000000
    AND o.actor NOT IN (SELECT actor FROM newcomers)
), arrivals AS (
  SELECT n.actor, n.network, n.us, n.login_us, n.us - a.us AS known
  FROM (
    SELECT actor, network, MIN(us) AS us, MIN(CASE WHEN action = 'user:login' THEN us END) AS login_us
    FROM acts WHERE network IS NOT NULL GROUP BY actor, network
  ) AS n
  JOIN (SELECT actor, MIN(us) AS us FROM acts WHERE network IS NOT NULL GROUP BY actor) AS a ON a.actor = n.actor
), reasons AS (
  SELECT c.content_hash, MIN(c.us - r.us) AS delay, MAX(r.absent) AS absent, 0 AS arrived
  FROM created AS c JOIN returns AS r ON r.actor = c.actor AND c.us - r.us BETWEEN 0 AND 3600000000
  GROUP BY c.content_hash
  UNION ALL
  SELECT c.content_hash, c.us - a.us AS delay, 0 AS absent, 1 AS arrived
  FROM created AS c JOIN arrivals AS a
    ON a.actor = c.actor AND a.network = c.network AND c.us - a.us BETWEEN 0 AND 3600000000
  WHERE a.known >= 1209600000000 OR (a.known >= 86400000000 AND a.login_us <= c.us)
), joined AS (
  SELECT content_hash, MIN(delay) AS delay, MAX(absent) AS absent, MAX(arrived) AS arrived
  FROM reasons GROUP BY content_hash
)
SELECT c."timestamp" AS started_at, c.actor, c.actor_email, c.actor_ip AS address, c.subject, c.content_hash, 1 AS events,
  CAST(ROUND((j.delay) / 1000000.0) AS BIGINT) AS seconds, CAST(ROUND((j.absent) / 1000000.0) AS BIGINT) AS usual, j.arrived AS various
FROM created AS c JOIN joined AS j ON j.content_hash = c.content_hash
WHERE c.us >= 1793232000000000 AND c.us < 1793491200000000;

-- heavy_artifact_reads: Artifact reads far beyond the actor's own median
WITH reads AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS day, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip, artifact_asset
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-09-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action = 'artifact:read' AND coalesce(response_code, 200) < 400 AND coalesce(actor_user_id, actor_email) IS NOT NULL
), daily AS (
  SELECT actor, day, COUNT(*) AS events, MIN(us) AS us FROM reads GROUP BY actor, day
), heavy AS (
  SELECT actor, day, events FROM daily WHERE us >= 1793232000000000 AND events >= 1000
), ranked AS (
  SELECT u.actor, u.day, d.events,
    ROW_NUMBER() OVER (PARTITION BY u.actor, u.day ORDER BY d.events) AS place,
    COUNT(*) OVER (PARTITION BY u.actor, u.day) AS places
  FROM heavy AS u JOIN daily AS d ON d.actor = u.actor AND d.day < u.day
), medians AS (
  SELECT actor, day, CAST(ROUND(AVG(1.0 * events)) AS BIGINT) AS usual
  FROM ranked WHERE 2 * place BETWEEN places AND places + 2 GROUP BY actor, day
)
SELECT MIN(r."timestamp") AS started_at, MAX(r."timestamp") AS ended_at, h.actor, MAX(r.actor_email) AS actor_email, MAX(r.actor_ip) AS address,
  h.day, MAX(h.events) AS events, MAX(m.usual) AS usual, COUNT(DISTINCT r.artifact_asset) AS various
FROM heavy AS h
JOIN reads AS r ON r.actor = h.actor AND r.day = h.day
LEFT JOIN medians AS m ON m.actor = h.actor AND m.day = h.day
GROUP BY h.actor, h.day
HAVING MAX(h.events) >= 10 * COALESCE(MAX(m.usual), 0);

-- login_after_refusals: Log-in after many refused ones
WITH successes AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip, content_hash
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-10-28 23:30:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action = 'user:login' AND coalesce(response_code, 200) < 400
), logins AS (
  SELECT *, LAG(us) OVER (PARTITION BY actor, actor_ip ORDER BY us, content_hash) AS before_us FROM successes
), refusals AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip, content_hash, coalesce(user_asset, coalesce(actor_user_id, actor_email)) AS target
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-10-28 23:30:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action IN ('user:login', 'user:initiate_login') AND response_code >= 400
), reasons AS (
  SELECT login, SUM(refused) AS refused, MIN(first_us) AS first_us FROM (SELECT l.content_hash AS login, r.refused, r.first_us
  FROM logins AS l
  JOIN (
    SELECT matched, MIN(us) AS first_us, MAX(us) AS us, SUM(refused) AS refused
    FROM (
      SELECT matched, us, refused,
        SUM(1 - refused) OVER (PARTITION BY matched ORDER BY us, refused DESC ROWS UNBOUNDED PRECEDING) AS logins_before
      FROM (
        SELECT actor_ip AS matched, us, 1 AS refused FROM refusals
        UNION ALL SELECT actor_ip, us, 0 FROM logins
      ) AS tries WHERE matched IS NOT NULL
    ) AS in_order
    WHERE refused = 1 GROUP BY matched, us - MOD(us, 1000000), logins_before
  ) AS r ON r.matched = l.actor_ip
  WHERE l.us >= 1793232000000000 AND l.us < 1793491200000000 AND l.us - r.us BETWEEN 0 AND 1800000000
    AND (l.before_us IS NULL OR r.us > l.before_us)) AS m GROUP BY login
  UNION ALL
  SELECT login, SUM(refused) AS refused, MIN(first_us) AS first_us FROM (SELECT l.content_hash AS login, r.refused, r.first_us
  FROM logins AS l
  JOIN (
    SELECT matched, MIN(us) AS first_us, MAX(us) AS us, SUM(refused) AS refused
    FROM (
      SELECT matched, us, refused,
        SUM(1 - refused) OVER (PARTITION BY matched ORDER BY us, refused DESC ROWS UNBOUNDED PRECEDING) AS logins_before
      FROM (
        SELECT actor AS matched, us, 1 AS refused FROM refusals
        UNION ALL SELECT actor, us, 0 FROM logins
      ) AS tries WHERE matched IS NOT NULL
    ) AS in_order
    WHERE refused = 1 GROUP BY matched, us - MOD(us, 1000000), logins_before
  ) AS r ON r.matched = l.actor
  WHERE l.us >= 1793232000000000 AND l.us < 1793491200000000 AND l.us - r.us BETWEEN 0 AND 1800000000
    AND (l.before_us IS NULL OR r.us > l.before_us)) AS m GROUP BY login
  UNION ALL
  SELECT login, SUM(refused) AS refused, MIN(first_us) AS first_us FROM (SELECT l.content_hash AS login, r.refused, r.first_us
  FROM logins AS l
  JOIN (
    SELECT matched, MIN(us) AS first_us, MAX(us) AS us, SUM(refused) AS refused
    FROM (
      SELECT matched, us, refused,
        SUM(1 - refused) OVER (PARTITION BY matched ORDER BY us, refused DESC ROWS UNBOUNDED PRECEDING) AS logins_before
      FROM (
        SELECT target AS matched, us, 1 AS refused FROM refusals
        UNION ALL SELECT actor, us, 0 FROM logins
      ) AS tries WHERE matched IS NOT NULL
    ) AS in_order
    WHERE refused = 1 GROUP BY matched, us - MOD(us, 1000000), logins_before
  ) AS r ON r.matched = l.actor
  WHERE l.us >= 1793232000000000 AND l.us < 1793491200000000 AND l.us - r.us BETWEEN 0 AND 1800000000
    AND (l.before_us IS NULL OR r.us > l.before_us)) AS m GROUP BY login
), counted AS (
  SELECT login, MAX(refused) AS refused, MIN(first_us) AS first_us FROM reasons GROUP BY login
)
SELECT l."timestamp" AS started_at, l.actor, l.actor_email, l.actor_ip AS address, l.content_hash,
  c.refused AS events, CAST(ROUND((l.us - c.first_us) / 1000000.0) AS BIGINT) AS seconds
FROM logins AS l JOIN counted AS c ON c.login = l.content_hash
WHERE c.refused >= 5;

-- deletion_burst: Many deletions in a short time
WITH deletions AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS day, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip, action
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-09-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND (action IN ('artifact:delete', 'project:delete', 'run:delete', 'run:delete_many', 'team:delete', 'team:uninvite', 'user:deactivate', 'user:permanently_delete') OR (action LIKE '%:delete%' AND action <> 'user:delete_api_key')) AND coalesce(response_code, 200) < 400 AND coalesce(actor_user_id, actor_email) IS NOT NULL
), daily AS (
  SELECT actor, day, COUNT(*) AS events, MIN(us) AS first_us, MAX(us) AS last_us FROM deletions GROUP BY actor, day
), ordered AS (
  SELECT actor, day, us, "timestamp", LAG(us, 49) OVER (PARTITION BY actor ORDER BY us) AS first_us, LAG("timestamp", 49) OVER (PARTITION BY actor ORDER BY us) AS first_at
  FROM deletions
), bursts AS (
  SELECT actor, day, MIN(first_at) AS started_at, MIN(first_us) AS first_us, MAX("timestamp") AS ended_at,
    MIN(CAST(first_at AT TIME ZONE 'UTC' AS DATE)) AS first_day
  FROM ordered WHERE us >= 1793232000000000 AND us - first_us <= 3600000000 GROUP BY actor, day
), ranked AS (
  SELECT u.actor, u.day, d.events,
    ROW_NUMBER() OVER (PARTITION BY u.actor, u.day ORDER BY d.events) AS place,
    COUNT(*) OVER (PARTITION BY u.actor, u.day) AS places
  FROM bursts AS u JOIN daily AS d ON d.actor = u.actor AND d.day < u.first_day
), medians AS (
  SELECT actor, day, CAST(ROUND(AVG(1.0 * events)) AS BIGINT) AS usual
  FROM ranked WHERE 2 * place BETWEEN places AND places + 2 GROUP BY actor, day
)
SELECT b.started_at, b.ended_at, b.actor, MAX(x.actor_email) AS actor_email, MAX(x.actor_ip) AS address, b.day,
  COUNT(*) AS events, MAX(m.usual) AS usual, COUNT(DISTINCT x.action) AS various
FROM bursts AS b
JOIN daily AS d ON d.actor = b.actor AND d.day = b.day
JOIN deletions AS x ON x.actor = b.actor AND x.us <= d.last_us
    AND x.us >= CASE WHEN b.first_us < d.first_us THEN b.first_us ELSE d.first_us END
LEFT JOIN medians AS m ON m.actor = b.actor AND m.day = b.day
GROUP BY b.started_at, b.ended_at, b.actor, b.day
HAVING COUNT(*) >= 10 * COALESCE(MAX(m.usual), 0);

-- disabled_user_active: A deactivated or deleted user is still active
WITH states AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, user_asset AS actor, action, content_hash
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-07-31 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action IN ('user:create', 'user:deactivate', 'user:permanently_delete', 'user:reactivate') AND coalesce(response_code, 200) < 400 AND user_asset IS NOT NULL
), lasting AS (
  SELECT actor, action, content_hash, us, LEAD(us) OVER (PARTITION BY actor ORDER BY us, content_hash) AS next_us FROM states
), disabled AS (
  SELECT actor, content_hash, us, next_us FROM lasting WHERE action IN ('user:deactivate', 'user:permanently_delete')
), acts AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS day, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-10-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND coalesce(response_code, 200) < 400 AND action <> 'user:logout' AND coalesce(actor_user_id, actor_email) IN (SELECT actor FROM disabled)
)
SELECT MIN(a."timestamp") AS started_at, MAX(a."timestamp") AS ended_at, a.actor, MAX(a.actor_email) AS actor_email,
  MAX(a.actor_ip) AS address, d.content_hash, a.day, COUNT(*) AS events, CAST(ROUND((MIN(a.us - d.us)) / 1000000.0) AS BIGINT) AS seconds
FROM acts AS a
JOIN disabled AS d ON d.actor = a.actor AND a.us - d.us > 300000000 AND (d.next_us IS NULL OR a.us < d.next_us)
WHERE a.us >= 1793232000000000 AND a.us < 1793491200000000
GROUP BY a.actor, d.content_hash, a.day;

-- silent_source: A source fell silent
WITH documents AS (
  SELECT document, MIN(source) AS source FROM "wandb_audit"."audit_documents" GROUP BY document
), acts AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, source_document
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-09-03 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND TRUE
), by_document AS (
  SELECT source_document, us - MOD(us, 3600000000) AS hour, MIN(us) AS first_us, MAX(us) AS last_us, MAX("timestamp") AS last_at
  FROM acts GROUP BY source_document, us - MOD(us, 3600000000)
), by_hour AS (
  SELECT COALESCE(d.source, '(receipt deleted)') AS subject, a.hour,
    MIN(a.first_us) AS first_us, MAX(a.last_us) AS last_us, MAX(a.last_at) AS started_at
  FROM by_document AS a LEFT JOIN documents AS d ON d.document = a.source_document
  GROUP BY COALESCE(d.source, '(receipt deleted)'), a.hour
), pauses AS (
  SELECT subject, hour, started_at,
    COALESCE(LEAD(first_us) OVER (PARTITION BY subject ORDER BY hour), 1793491200000000) AS end_us,
    COALESCE(LEAD(first_us) OVER (PARTITION BY subject ORDER BY hour), 1793491200000000) - last_us AS pause
  FROM by_hour
), numbered AS (
  SELECT subject, hour, started_at, end_us, pause, ROW_NUMBER() OVER (PARTITION BY subject ORDER BY hour) AS active FROM pauses
), compared AS (
  SELECT subject, started_at, end_us, pause, active,
    COALESCE(MAX(CASE WHEN active >= 24 THEN pause END)
      OVER (PARTITION BY subject ORDER BY hour ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS longest
  FROM numbered
)
SELECT subject, started_at, 0 AS events, CAST(ROUND((pause) / 1000000.0) AS BIGINT) AS seconds, CAST(ROUND((longest) / 1000000.0) AS BIGINT) AS usual
FROM compared
WHERE end_us > 1793232000000000 AND pause >= 86400000000 AND active >= 24 AND 2 * pause >= 3 * longest;

-- admin_outside_hours: Changes to members or teams outside working hours
WITH changes AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS day, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip, coalesce(entity_name, entity_asset) AS entity, action
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-10-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action IN ('team:create', 'team:create_service_account', 'team:delete', 'team:invite_user', 'team:uninvite', 'organization:update_member', 'user:create', 'user:deactivate', 'user:permanently_delete', 'user:reactivate', 'user:update') AND coalesce(response_code, 200) < 400 AND coalesce(actor_user_id, actor_email) IS NOT NULL AND NOT COALESCE(action = 'user:update' AND user_asset = actor_user_id, FALSE)
)
SELECT MIN("timestamp") AS started_at, MAX("timestamp") AS ended_at, actor, MAX(actor_email) AS actor_email, MAX(actor_ip) AS address,
  MAX(entity) AS entity, MIN(action) AS subject, day, COUNT(*) AS events, COUNT(DISTINCT action) AS various
FROM changes
WHERE NOT (MOD(us + (0) + 259200000000, 604800000000) >= 25200000000 AND MOD(us + (0) + 259200000000, 604800000000) < 72000000000
  OR MOD(us + (0) + 259200000000, 604800000000) >= 111600000000 AND MOD(us + (0) + 259200000000, 604800000000) < 158400000000
  OR MOD(us + (0) + 259200000000, 604800000000) >= 198000000000 AND MOD(us + (0) + 259200000000, 604800000000) < 244800000000
  OR MOD(us + (0) + 259200000000, 604800000000) >= 284400000000 AND MOD(us + (0) + 259200000000, 604800000000) < 331200000000
  OR MOD(us + (0) + 259200000000, 604800000000) >= 370800000000 AND MOD(us + (0) + 259200000000, 604800000000) < 417600000000)
GROUP BY actor, day;

-- service_account_created: A service account was created
WITH created AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, coalesce(actor_user_id, actor_email) AS actor, actor_email, actor_ip AS address, coalesce(entity_name, entity_asset) AS entity, coalesce(user_email, user_asset) AS subject, content_hash
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-10-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action = 'team:create_service_account' AND coalesce(response_code, 200) < 400
)
SELECT "timestamp" AS started_at, actor, actor_email, address, entity, subject, content_hash, 1 AS events
FROM created;

-- shared_address: One address acts for unusually many accounts
WITH acts AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, CAST("timestamp" AT TIME ZONE 'UTC' AS DATE) AS day, coalesce(actor_user_id, actor_email) AS actor, actor_ip AS address
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-09-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND coalesce(response_code, 200) < 400 AND actor_ip IS NOT NULL AND coalesce(actor_user_id, actor_email) IS NOT NULL
), daily AS (
  SELECT address, day, COUNT(DISTINCT actor) AS events, COUNT(*) AS requests, MIN(us) AS us,
    MIN("timestamp") AS started_at, MAX("timestamp") AS ended_at
  FROM acts GROUP BY address, day
), crowded AS (
  SELECT * FROM daily WHERE us >= 1793232000000000 AND events >= 10
), ranked AS (
  SELECT u.address, u.day, d.events,
    ROW_NUMBER() OVER (PARTITION BY u.address, u.day ORDER BY d.events) AS place,
    COUNT(*) OVER (PARTITION BY u.address, u.day) AS places
  FROM crowded AS u JOIN daily AS d ON d.address = u.address AND d.day < u.day
), medians AS (
  SELECT address, day, CAST(ROUND(AVG(1.0 * events)) AS BIGINT) AS usual
  FROM ranked WHERE 2 * place BETWEEN places AND places + 2 GROUP BY address, day
)
SELECT c.started_at, c.ended_at, c.address, c.day, c.requests AS events, c.events AS various, m.usual
FROM crowded AS c LEFT JOIN medians AS m ON m.address = c.address AND m.day = c.day
WHERE c.events >= 3 * COALESCE(m.usual, 0);

-- rejects_rising: Unusually many lines could not become events
WITH daily AS (
  SELECT reason AS subject, CAST(loaded_at AT TIME ZONE 'UTC' AS DATE) AS day, COUNT(*) AS events,
    COUNT(DISTINCT source_document) AS various, MIN(loaded_at) AS started_at, MAX(loaded_at) AS ended_at
  FROM "wandb_audit"."audit_rejects"
  WHERE "loaded_at" >= CAST('2026-09-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "loaded_at" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ)
  GROUP BY reason, CAST(loaded_at AT TIME ZONE 'UTC' AS DATE)
), risen AS (
  SELECT * FROM daily WHERE DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), started_at) >= 1793232000000000 AND events >= 20
), ranked AS (
  SELECT u.subject, u.day, d.events,
    ROW_NUMBER() OVER (PARTITION BY u.subject, u.day ORDER BY d.events) AS place,
    COUNT(*) OVER (PARTITION BY u.subject, u.day) AS places
  FROM risen AS u JOIN daily AS d ON d.subject = u.subject AND d.day < u.day
), medians AS (
  SELECT subject, day, CAST(ROUND(AVG(1.0 * events)) AS BIGINT) AS usual
  FROM ranked WHERE 2 * place BETWEEN places AND places + 2 GROUP BY subject, day
)
SELECT r.started_at, r.ended_at, r.subject, r.day, r.events, r.various, m.usual
FROM risen AS r LEFT JOIN medians AS m ON m.subject = r.subject AND m.day = r.day
WHERE r.events >= 3 * COALESCE(m.usual, 0);

-- new_network: First request of an account from a network
WITH acts AS (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, coalesce(actor_user_id, actor_email) AS actor, COALESCE(NULLIF(REGEXP_SUBSTR(actor_ip, '^::[fF][fF][fF][fF]:[0-9]+[.][0-9]+[.][0-9]+[.]|^[0-9]+[.][0-9]+[.][0-9]+[.]|^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:'), ''), actor_ip) AS subject, actor_email, actor_ip
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-07-31 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND coalesce(response_code, 200) < 400 AND coalesce(actor_user_id, actor_email) IS NOT NULL AND actor_ip IS NOT NULL
), places AS (
  SELECT actor, subject, MIN(us) AS us, MIN("timestamp") AS started_at, MAX("timestamp") AS ended_at,
    MAX(actor_email) AS actor_email, MIN(actor_ip) AS address, COUNT(*) AS events
  FROM acts GROUP BY actor, subject
), firsts AS (
  SELECT *, MIN(us) OVER (PARTITION BY actor) AS first_us FROM places
)
SELECT started_at, ended_at, actor, actor_email, address, subject, CAST(started_at AT TIME ZONE 'UTC' AS DATE) AS day, events
FROM firsts
WHERE us >= 1793232000000000 AND us < 1793491200000000 AND us - first_us >= 604800000000;

-- undocumented: An action or key that W&B does not document
WITH unknown AS (
  SELECT 1 AS kind, action AS subject, "timestamp", us FROM (
  SELECT "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us, action
  FROM "wandb_audit"."audit_events"
  WHERE "timestamp" >= CAST('2026-09-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND action NOT IN ('artifact:create', 'artifact:delete', 'artifact:read', 'project:delete', 'project:read', 'report:read', 'run:delete', 'run:delete_many', 'run:stop', 'run:undelete_many', 'run:update', 'run:update_many', 'sweep:create_agent', 'team:create', 'team:create_service_account', 'team:delete', 'team:invite_user', 'team:uninvite', 'organization:update_member', 'user:create', 'user:create_api_key', 'user:deactivate', 'user:delete_api_key', 'user:initiate_login', 'user:login', 'user:logout', 'user:permanently_delete', 'user:reactivate', 'user:read', 'user:update')
  ) AS actions
  UNION ALL
  SELECT 2 AS kind, key AS subject, "timestamp", DATEDIFF(microsecond, CAST('1970-01-01 00:00:00.000000+00' AS TIMESTAMPTZ), "timestamp") AS us FROM (
    SELECT e."timestamp", CAST(k AS VARCHAR) AS key
          FROM (SELECT "timestamp", CASE WHEN IS_OBJECT("extra") THEN "extra" ELSE JSON_PARSE('{}') END AS "members" FROM (SELECT "timestamp", extra FROM "wandb_audit"."audit_events" WHERE "timestamp" >= CAST('2026-09-29 00:00:00.000000+00' AS TIMESTAMPTZ) AND "timestamp" < CAST('2026-11-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND extra IS NOT NULL) AS recent) AS e,
            UNPIVOT e."members" AS v AT k
            WHERE CAST(k AS VARCHAR) NOT IN ('_exact', '_exact_parts')
  ) AS kept WHERE key NOT IN ('timestamp', 'action', 'actor_user_id', 'response_code', 'artifact_asset', 'artifact_sequence_asset', 'entity_asset', 'project_asset', 'report_asset', 'user_asset', 'cli_version', 'actor_ip', 'actor_email', 'user_email', 'entity_name', 'project_name', 'report_name', 'artifact_digest', 'artifact_qualified_name')
), grouped AS (
  SELECT kind, subject, MIN(us) AS us, MIN("timestamp") AS started_at, MAX("timestamp") AS ended_at, COUNT(*) AS events
  FROM unknown GROUP BY kind, subject
)
SELECT started_at, ended_at, kind, kind AS various, subject, CAST(started_at AT TIME ZONE 'UTC' AS DATE) AS day, events
FROM grouped WHERE us >= 1793232000000000 AND us < 1793491200000000;
