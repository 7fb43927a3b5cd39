CREATE VIEW dbo.audit_events AS
SELECT
  e."timestamp",
  e."action",
  e."actor_user_id",
  e."response_code",
  e."artifact_asset",
  e."artifact_sequence_asset",
  e."entity_asset",
  e."project_asset",
  e."report_asset",
  e."user_asset",
  e."cli_version",
  e."actor_ip",
  n."actor_email",
  n."user_email",
  n."entity_name",
  n."project_name",
  n."report_name",
  n."artifact_digest",
  n."artifact_qualified_name",
  n."extra",
  e."content_hash",
  e."source_document",
  e."source_line",
  e."load_id",
  e."loaded_at"
FROM wandb_audit.audit_events AS e
LEFT JOIN wandb_audit.audit_event_names AS n ON n."timestamp" = e."timestamp" AND n."content_hash" = e."content_hash";
