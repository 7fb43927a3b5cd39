/**
 * The tables, stated once. DDL, Arrow schemas, JSON Schema, the data dictionary and the transform's SQL follow
 * from here; names and order are the contract with analysts.
 */

export type FieldType = 'text' | 'integer' | 'bigint' | 'boolean' | 'timestamp' | 'json'

/** identity: part of `content_hash`. name: served only by the non-anonymised API. provenance: tells of the first load. */
export type FieldClass = 'identity' | 'name' | 'content' | 'provenance'

export interface Column {
  readonly name: string
  readonly type: FieldType
  readonly required: boolean
  readonly class: FieldClass
  /** One sentence for analysts. */
  readonly meaning: string
}

export interface Table {
  readonly name: string
  readonly meaning: string
  readonly key: readonly string[]
  readonly columns: readonly Column[]
}

const column =
  (fieldClass: FieldClass) =>
  (name: string, type: FieldType, meaning: string, required = false): Column => ({
    name,
    type,
    required,
    class: fieldClass,
    meaning,
  })

const identity = column('identity')
const name = column('name')
const content = column('content')
const provenance = column('provenance')

const IDENTITY: readonly Column[] = [
  identity('timestamp', 'timestamp', 'When the action took place, in UTC, to the microsecond.', true),
  identity('action', 'text', 'What was done, for example artifact:read; audit_actions describes each action.', true),
  identity('actor_user_id', 'text', 'The id of the logged-in user who acted.'),
  identity('response_code', 'integer', 'The HTTP status code of the action.'),
  identity('artifact_asset', 'text', 'The id of the artifact acted on.'),
  identity('artifact_sequence_asset', 'text', 'The id of the artifact sequence acted on.'),
  identity('entity_asset', 'text', 'The id of the entity or team acted on.'),
  identity('project_asset', 'text', 'The id of the project acted on.'),
  identity('report_asset', 'text', 'The id of the report acted on.'),
  identity('user_asset', 'text', 'The id of the user acted on.'),
  identity('cli_version', 'text', 'The version of the Python SDK, if one was used; set by the client.'),
  identity('actor_ip', 'text', 'The IP address of the actor.'),
]

const NAMES: readonly Column[] = [
  name('actor_email', 'text', 'The e-mail address of the actor.'),
  name('user_email', 'text', 'The e-mail address of the user acted on.'),
  name('entity_name', 'text', 'The name of the entity or team acted on, at the time of the API call.'),
  name('project_name', 'text', 'The name of the project acted on, at the time of the API call.'),
  name('report_name', 'text', 'The name of the report acted on, at the time of the API call.'),
  name('artifact_digest', 'text', 'The digest of the artifact acted on.'),
  name('artifact_qualified_name', 'text', 'The qualified name of the artifact acted on.'),
]

export const AUDIT_EVENTS: Table = {
  name: 'audit_events',
  meaning: 'One row per audit event, whichever source it came from.',
  key: ['timestamp', 'content_hash'],
  columns: [
    ...IDENTITY,
    ...NAMES,
    content(
      'extra',
      'json',
      'Unknown keys, and values that their column cannot hold exactly, under their original keys; null if there are none.',
    ),
    content(
      'content_hash',
      'text',
      'Identity of the event: SHA-256 over its identity fields, undocumented ids and repeat number in the document, as 64 hex digits.',
      true,
    ),
    provenance('source_document', 'text', 'The document the event was first read from.'),
    provenance(
      'source_line',
      'bigint',
      'Its line number there, counted from 1 without blank lines; in a saved page, its position in audit_logs.',
    ),
    provenance('load_id', 'text', 'The batch that inserted the row, as in audit_loads.'),
    provenance('loaded_at', 'timestamp', 'When that batch was loaded.'),
    provenance(
      'names_document',
      'text',
      'The document the names came from; each name filled from another document follows on its own line, as name: document.',
    ),
  ],
}

export const AUDIT_REJECTS: Table = {
  name: 'audit_rejects',
  meaning: 'One row per line that could not become an event, kept raw with the reason.',
  key: ['reject_id'],
  columns: [
    content(
      'reject_id',
      'text',
      'SHA-256 over the document, the raw line and its repeat number there, as 64 hex digits, so that reading it again adds nothing.',
      true,
    ),
    provenance('source_document', 'text', 'The document that contains the line.', true),
    provenance('document_version', 'text', 'The version of the document that was read.'),
    provenance(
      'source_line',
      'bigint',
      'Its line number there, counted from 1 without blank lines; in a saved page, its position in audit_logs.',
      true,
    ),
    content('reason', 'text', 'A short code, for example not_json or bad_timestamp.', true),
    content('message', 'text', 'What is wrong, in words, without any value from the line.', true),
    content(
      'raw',
      'text',
      'The line as it arrived; base64 if reason is not_utf8 or sink_refused. A long line continues in audit_reject_pieces.',
      true,
    ),
    provenance('load_id', 'text', 'The batch that stored it.', true),
    provenance('loaded_at', 'timestamp', 'When that batch was loaded.', true),
  ],
}

export const AUDIT_REJECT_PIECES: Table = {
  name: 'audit_reject_pieces',
  meaning: 'The rest of each long rejected line, in pieces to be joined in order.',
  key: ['reject_id', 'piece'],
  columns: [
    content('reject_id', 'text', 'The reject, as in audit_rejects.', true),
    content('piece', 'integer', 'The number of the piece, counted from 2; the first is raw in audit_rejects.', true),
    content('raw', 'text', 'The text of this piece.', true),
  ],
}

export const AUDIT_CONFLICTS: Table = {
  name: 'audit_conflicts',
  meaning:
    'Where a later reading of an event contradicts its row: one row per event for extra; for names, one row per ' +
    'distinct pair of values and document.',
  key: ['conflict_id'],
  columns: [
    content(
      'conflict_id',
      'text',
      'SHA-256 over the column, the other document and the values (for extra, the event), as 64 hex digits.',
      true,
    ),
    content('column_name', 'text', 'The column of audit_events on which the readings disagree.', true),
    content(
      'timestamp',
      'timestamp',
      'The timestamp of the event; if there are several, of the earliest one first seen.',
      true,
    ),
    content('content_hash', 'text', 'The content_hash of that event, as in audit_events.', true),
    content(
      'kept',
      'text',
      'The value in the row; null if the row has none and accepts none from that kind of document.',
    ),
    content(
      'other',
      'text',
      'The contradicting value, which is not in the row; for extra, the whole other object.',
      true,
    ),
    content(
      'kept_document',
      'text',
      'The document that the value in the row came from; for extra, the one that the event was first read from.',
    ),
    content('other_document', 'text', 'The document with the contradicting value.', true),
    content('events', 'bigint', 'How many events in that document have this contradiction.', true),
    provenance('load_id', 'text', 'The batch that first found this.', true),
    provenance('loaded_at', 'timestamp', 'When that batch was loaded.', true),
  ],
}

export const AUDIT_DOCUMENTS: Table = {
  name: 'audit_documents',
  meaning:
    'The receipts: which documents were loaded, each in the version that was loaded last. A day of the API is read in pieces: its bytes and lines are those of the last one.',
  key: ['source', 'document'],
  columns: [
    content('source', 'text', 'The source of the document.', true),
    content('document', 'text', 'The full name of the document.', true),
    content(
      'document_version',
      'text',
      'ETag, generation, size and times, SHA-256, or how far a day was read, depending on the source.',
      true,
    ),
    content('sha256', 'text', 'SHA-256 of the bytes as they arrived, as 64 hex digits.', true),
    content('bytes', 'bigint', 'How many bytes arrived.', true),
    content(
      'range_from',
      'timestamp',
      'The start of the requested window; for files, the timestamp of the earliest event.',
    ),
    content(
      'range_to',
      'timestamp',
      'The end of the requested window, exclusive; for files, the timestamp of the latest event.',
    ),
    content('rows_read', 'bigint', 'Lines read, not counting blank ones.', true),
    content('rejected', 'bigint', 'Lines that became rejects.', true),
    provenance('load_id', 'text', 'The batch that last loaded it.', true),
    provenance('loaded_at', 'timestamp', 'When that batch was loaded.', true),
  ],
}

export const AUDIT_LOADS: Table = {
  name: 'audit_loads',
  meaning: 'One row per batch; rows_read = inserted + enriched + unchanged + rejected.',
  key: ['load_id'],
  columns: [
    content('load_id', 'text', 'The id of the batch.', true),
    content('documents', 'bigint', 'Documents in the batch.', true),
    content('rows_read', 'bigint', 'Lines read, not counting blank ones.', true),
    content('inserted', 'bigint', 'New events.', true),
    content('enriched', 'bigint', 'Lines that added a name or a key of extra to an existing event.', true),
    content('unchanged', 'bigint', 'Lines whose event was already loaded.', true),
    content('rejected', 'bigint', 'Lines that became rejects.', true),
    content('started_at', 'timestamp', 'When reading the batch began.', true),
    content('finished_at', 'timestamp', 'When the batch was loaded.', true),
    content('loader_version', 'text', 'The version of wandb-audit.', true),
    content('conflicts', 'bigint', 'Values that contradict the row of their event; see audit_conflicts.'),
  ],
}

export const AUDIT_ACTIONS: Table = {
  name: 'audit_actions',
  meaning: 'The documented actions and what they mean.',
  key: ['action'],
  columns: [
    content('action', 'text', 'The action, as in audit_events.', true),
    content('object', 'text', 'The object of the action: the part before the colon.', true),
    content('verb', 'text', 'The verb of the action: the part after the colon.', true),
    content('category', 'text', 'read, write, admin or auth.', true),
    content(
      'destructive',
      'boolean',
      'Whether it removes data, a running job, access or a credential, even if that can be undone.',
      true,
    ),
    content('definition', 'text', "The definition in W&B's documentation.", true),
  ],
}

export const AUDIT_PRIVACY: Table = {
  name: 'audit_privacy',
  meaning:
    'What loads into these tables have to respect: the rules of the names here, and the persons whose names are erased.',
  key: ['privacy_id'],
  columns: [
    content('privacy_id', 'text', 'rules, or for an erased person a keyed hash of who it is, as 64 hex digits.', true),
    content('kind', 'text', 'rules or erased.', true),
    content(
      'value',
      'text',
      'The rules that changed what is here, or empty; then, if a key is needed, "key" and its check value.',
      true,
    ),
    provenance('made_at', 'timestamp', 'When this was first remembered.', true),
  ],
}

export const AUDIT_FINDINGS: Table = {
  name: 'audit_findings',
  meaning: 'The findings that check has reported, so that it reports each once. What was found is in the events.',
  key: ['finding_key'],
  columns: [
    content(
      'finding_key',
      'text',
      'SHA-256 over the detection and what tells its findings apart, for example actor and day, as 64 hex digits.',
      true,
    ),
    content('detection', 'text', 'The detection, for example key_after_suspicious_login.', true),
    content('severity', 'text', 'low, medium or high.', true),
    content('started_at', 'timestamp', 'When what was found began, to the second.', true),
    provenance('reported_at', 'timestamp', 'When it was reported.', true),
  ],
}

export const TABLES: readonly Table[] = [
  AUDIT_EVENTS,
  AUDIT_REJECTS,
  AUDIT_REJECT_PIECES,
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_LOADS,
  AUDIT_ACTIONS,
  AUDIT_PRIVACY,
  AUDIT_FINDINGS,
]

/** The version of all tables together. Raise it for a change that older versions must not overwrite: docs/decisions/layout-version.md. */
export const LAYOUT_VERSION = 2

/** The twelve fields of `content_hash`, in its order. */
export const IDENTITY_FIELDS: readonly string[] = IDENTITY.map((field) => field.name)

/** The columns that arrive only with the non-anonymised API. */
export const NAME_FIELDS: readonly string[] = NAMES.map((field) => field.name)

/** What a later reading may add to the row of an event. */
export const FILLED_FIELDS: readonly string[] = [...NAME_FIELDS, 'extra']

/** Every documented key of the wire record. */
export const RECORD_FIELDS: readonly string[] = [...IDENTITY_FIELDS, ...NAME_FIELDS]
