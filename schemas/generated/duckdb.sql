CREATE TABLE IF NOT EXISTS "audit_events" (
  "timestamp" TIMESTAMPTZ NOT NULL,
  "action" VARCHAR NOT NULL,
  "actor_user_id" VARCHAR,
  "response_code" INTEGER,
  "artifact_asset" VARCHAR,
  "artifact_sequence_asset" VARCHAR,
  "entity_asset" VARCHAR,
  "project_asset" VARCHAR,
  "report_asset" VARCHAR,
  "user_asset" VARCHAR,
  "cli_version" VARCHAR,
  "actor_ip" VARCHAR,
  "actor_email" VARCHAR,
  "user_email" VARCHAR,
  "entity_name" VARCHAR,
  "project_name" VARCHAR,
  "report_name" VARCHAR,
  "artifact_digest" VARCHAR,
  "artifact_qualified_name" VARCHAR,
  "extra" JSON,
  "content_hash" VARCHAR NOT NULL,
  "source_document" VARCHAR,
  "source_line" BIGINT,
  "load_id" VARCHAR,
  "loaded_at" TIMESTAMPTZ,
  "names_document" VARCHAR
);

CREATE TABLE IF NOT EXISTS "audit_rejects" (
  "reject_id" VARCHAR NOT NULL,
  "source_document" VARCHAR NOT NULL,
  "document_version" VARCHAR,
  "source_line" BIGINT NOT NULL,
  "reason" VARCHAR NOT NULL,
  "message" VARCHAR NOT NULL,
  "raw" VARCHAR NOT NULL,
  "load_id" VARCHAR NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS "audit_reject_pieces" (
  "reject_id" VARCHAR NOT NULL,
  "piece" INTEGER NOT NULL,
  "raw" VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS "audit_conflicts" (
  "conflict_id" VARCHAR NOT NULL,
  "column_name" VARCHAR NOT NULL,
  "timestamp" TIMESTAMPTZ NOT NULL,
  "content_hash" VARCHAR NOT NULL,
  "kept" VARCHAR,
  "other" VARCHAR NOT NULL,
  "kept_document" VARCHAR,
  "other_document" VARCHAR NOT NULL,
  "events" BIGINT NOT NULL,
  "load_id" VARCHAR NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS "audit_documents" (
  "source" VARCHAR NOT NULL,
  "document" VARCHAR NOT NULL,
  "document_version" VARCHAR NOT NULL,
  "sha256" VARCHAR NOT NULL,
  "bytes" BIGINT NOT NULL,
  "range_from" TIMESTAMPTZ,
  "range_to" TIMESTAMPTZ,
  "rows_read" BIGINT NOT NULL,
  "rejected" BIGINT NOT NULL,
  "load_id" VARCHAR NOT NULL,
  "loaded_at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS "audit_loads" (
  "load_id" VARCHAR NOT NULL,
  "documents" BIGINT NOT NULL,
  "rows_read" BIGINT NOT NULL,
  "inserted" BIGINT NOT NULL,
  "enriched" BIGINT NOT NULL,
  "unchanged" BIGINT NOT NULL,
  "rejected" BIGINT NOT NULL,
  "started_at" TIMESTAMPTZ NOT NULL,
  "finished_at" TIMESTAMPTZ NOT NULL,
  "loader_version" VARCHAR NOT NULL,
  "conflicts" BIGINT
);

CREATE TABLE IF NOT EXISTS "audit_actions" (
  "action" VARCHAR NOT NULL,
  "object" VARCHAR NOT NULL,
  "verb" VARCHAR NOT NULL,
  "category" VARCHAR NOT NULL,
  "destructive" BOOLEAN NOT NULL,
  "definition" VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS "audit_privacy" (
  "privacy_id" VARCHAR NOT NULL,
  "kind" VARCHAR NOT NULL,
  "value" VARCHAR NOT NULL,
  "made_at" TIMESTAMPTZ NOT NULL
);

CREATE TABLE IF NOT EXISTS "audit_findings" (
  "finding_key" VARCHAR NOT NULL,
  "detection" VARCHAR NOT NULL,
  "severity" VARCHAR NOT NULL,
  "started_at" TIMESTAMPTZ NOT NULL,
  "reported_at" TIMESTAMPTZ NOT NULL
);
