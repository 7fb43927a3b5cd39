CREATE TABLE IF NOT EXISTS "audit_events" (
  "timestamp" TIMESTAMPTZ NOT NULL,
  "action" VARCHAR(65535) NOT NULL,
  "actor_user_id" VARCHAR(65535),
  "response_code" INTEGER,
  "artifact_asset" VARCHAR(65535),
  "artifact_sequence_asset" VARCHAR(65535),
  "entity_asset" VARCHAR(65535),
  "project_asset" VARCHAR(65535),
  "report_asset" VARCHAR(65535),
  "user_asset" VARCHAR(65535),
  "cli_version" VARCHAR(65535),
  "actor_ip" VARCHAR(65535),
  "actor_email" VARCHAR(65535),
  "user_email" VARCHAR(65535),
  "entity_name" VARCHAR(65535),
  "project_name" VARCHAR(65535),
  "report_name" VARCHAR(65535),
  "artifact_digest" VARCHAR(65535),
  "artifact_qualified_name" VARCHAR(65535),
  "extra" SUPER,
  "content_hash" VARCHAR(65535) NOT NULL,
  "source_document" VARCHAR(65535),
  "source_line" BIGINT,
  "load_id" VARCHAR(65535),
  "loaded_at" TIMESTAMPTZ,
  "names_document" VARCHAR(65535)
) DISTSTYLE AUTO SORTKEY ("timestamp");

CREATE TABLE IF NOT EXISTS "audit_rejects" (
  "reject_id" VARCHAR(65535) NOT NULL,
  "source_document" VARCHAR(65535) NOT NULL,
  "document_version" VARCHAR(65535),
  "source_line" BIGINT NOT NULL,
  "reason" VARCHAR(65535) NOT NULL,
  "message" VARCHAR(65535) NOT NULL,
  "raw" VARCHAR(65535) NOT NULL,
  "load_id" VARCHAR(65535) NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_reject_pieces" (
  "reject_id" VARCHAR(65535) NOT NULL,
  "piece" INTEGER NOT NULL,
  "raw" VARCHAR(65535) NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_conflicts" (
  "conflict_id" VARCHAR(65535) NOT NULL,
  "column_name" VARCHAR(65535) NOT NULL,
  "timestamp" TIMESTAMPTZ NOT NULL,
  "content_hash" VARCHAR(65535) NOT NULL,
  "kept" VARCHAR(65535),
  "other" VARCHAR(65535) NOT NULL,
  "kept_document" VARCHAR(65535),
  "other_document" VARCHAR(65535) NOT NULL,
  "events" BIGINT NOT NULL,
  "load_id" VARCHAR(65535) NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_documents" (
  "source" VARCHAR(65535) NOT NULL,
  "document" VARCHAR(65535) NOT NULL,
  "document_version" VARCHAR(65535) NOT NULL,
  "sha256" VARCHAR(65535) NOT NULL,
  "bytes" BIGINT NOT NULL,
  "range_from" TIMESTAMPTZ,
  "range_to" TIMESTAMPTZ,
  "rows_read" BIGINT NOT NULL,
  "rejected" BIGINT NOT NULL,
  "load_id" VARCHAR(65535) NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_loads" (
  "load_id" VARCHAR(65535) NOT NULL,
  "documents" BIGINT NOT NULL,
  "rows_read" BIGINT NOT NULL,
  "inserted" BIGINT NOT NULL,
  "enriched" BIGINT NOT NULL,
  "unchanged" BIGINT NOT NULL,
  "rejected" BIGINT NOT NULL,
  "started_at" TIMESTAMPTZ NOT NULL,
  "finished_at" TIMESTAMPTZ NOT NULL,
  "loader_version" VARCHAR(65535) NOT NULL,
  "conflicts" BIGINT
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_actions" (
  "action" VARCHAR(65535) NOT NULL,
  "object" VARCHAR(65535) NOT NULL,
  "verb" VARCHAR(65535) NOT NULL,
  "category" VARCHAR(65535) NOT NULL,
  "destructive" BOOLEAN NOT NULL,
  "definition" VARCHAR(65535) NOT NULL
) DISTSTYLE AUTO;
