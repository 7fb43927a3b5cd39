CREATE TABLE IF NOT EXISTS "audit_events" (
  "timestamp" TIMESTAMPTZ NOT NULL,
  "action" VARCHAR(4096) NOT NULL,
  "actor_user_id" VARCHAR(4096),
  "response_code" INTEGER,
  "artifact_asset" VARCHAR(4096),
  "artifact_sequence_asset" VARCHAR(4096),
  "entity_asset" VARCHAR(4096),
  "project_asset" VARCHAR(4096),
  "report_asset" VARCHAR(4096),
  "user_asset" VARCHAR(4096),
  "cli_version" VARCHAR(4096),
  "actor_ip" VARCHAR(4096),
  "actor_email" VARCHAR(4096),
  "user_email" VARCHAR(4096),
  "entity_name" VARCHAR(4096),
  "project_name" VARCHAR(4096),
  "report_name" VARCHAR(4096),
  "artifact_digest" VARCHAR(4096),
  "artifact_qualified_name" VARCHAR(4096),
  "extra" SUPER,
  "content_hash" VARCHAR(64) NOT NULL,
  "source_document" VARCHAR(8192),
  "source_line" BIGINT,
  "load_id" VARCHAR(64),
  "loaded_at" TIMESTAMPTZ,
  "names_document" VARCHAR(65535)
) DISTSTYLE AUTO SORTKEY ("timestamp");

CREATE TABLE IF NOT EXISTS "audit_rejects" (
  "reject_id" VARCHAR(64) NOT NULL,
  "source_document" VARCHAR(8192) NOT NULL,
  "document_version" VARCHAR(8192),
  "source_line" BIGINT NOT NULL,
  "reason" VARCHAR(64) NOT NULL,
  "message" VARCHAR(65535) NOT NULL,
  "raw" VARCHAR(65535) NOT NULL,
  "load_id" VARCHAR(64) NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_reject_pieces" (
  "reject_id" VARCHAR(64) NOT NULL,
  "piece" INTEGER NOT NULL,
  "raw" VARCHAR(65535) NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_conflicts" (
  "conflict_id" VARCHAR(64) NOT NULL,
  "column_name" VARCHAR(64) NOT NULL,
  "timestamp" TIMESTAMPTZ NOT NULL,
  "content_hash" VARCHAR(64) NOT NULL,
  "kept" VARCHAR(65535),
  "other" VARCHAR(65535) NOT NULL,
  "kept_document" VARCHAR(8192),
  "other_document" VARCHAR(8192) NOT NULL,
  "events" BIGINT NOT NULL,
  "load_id" VARCHAR(64) NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_documents" (
  "source" VARCHAR(8192) NOT NULL,
  "document" VARCHAR(8192) NOT NULL,
  "document_version" VARCHAR(8192) NOT NULL,
  "sha256" VARCHAR(64) NOT NULL,
  "bytes" BIGINT NOT NULL,
  "range_from" TIMESTAMPTZ,
  "range_to" TIMESTAMPTZ,
  "rows_read" BIGINT NOT NULL,
  "rejected" BIGINT NOT NULL,
  "load_id" VARCHAR(64) NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_loads" (
  "load_id" VARCHAR(64) NOT NULL,
  "documents" BIGINT NOT NULL,
  "rows_read" BIGINT NOT NULL,
  "inserted" BIGINT NOT NULL,
  "enriched" BIGINT NOT NULL,
  "unchanged" BIGINT NOT NULL,
  "rejected" BIGINT NOT NULL,
  "started_at" TIMESTAMPTZ NOT NULL,
  "finished_at" TIMESTAMPTZ NOT NULL,
  "loader_version" VARCHAR(256) NOT NULL,
  "conflicts" BIGINT
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_actions" (
  "action" VARCHAR(4096) NOT NULL,
  "object" VARCHAR(256) NOT NULL,
  "verb" VARCHAR(256) NOT NULL,
  "category" VARCHAR(256) NOT NULL,
  "destructive" BOOLEAN NOT NULL,
  "definition" VARCHAR(4096) NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_privacy" (
  "privacy_id" VARCHAR(64) NOT NULL,
  "kind" VARCHAR(64) NOT NULL,
  "value" VARCHAR(65535) NOT NULL,
  "made_at" TIMESTAMPTZ NOT NULL
) DISTSTYLE AUTO;

CREATE TABLE IF NOT EXISTS "audit_findings" (
  "finding_key" VARCHAR(64) NOT NULL,
  "detection" VARCHAR(64) NOT NULL,
  "severity" VARCHAR(64) NOT NULL,
  "started_at" TIMESTAMPTZ NOT NULL,
  "reported_at" TIMESTAMPTZ NOT NULL
) DISTSTYLE AUTO;
