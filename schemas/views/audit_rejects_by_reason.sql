-- Why did lines not become events, in how many documents, and when last?
SELECT
  reason,
  count(*) AS rejects,
  count(DISTINCT source_document) AS documents,
  max(loaded_at) AS last_at
FROM audit_rejects
GROUP BY reason
ORDER BY rejects DESC, reason
