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
  identity('timestamp', 'timestamp', 'The instant of the action in UTC, to the microsecond.', true),
  identity('action', 'text', 'What was done, for example artifact:read; audit_actions explains each.', true),
  identity('actor_user_id', 'text', 'The id of the logged-in user who acted.'),
  identity('response_code', 'integer', 'The HTTP status with which the action ended.'),
  identity('artifact_asset', 'text', 'The id of the artifact acted on.'),
  identity('artifact_sequence_asset', 'text', 'The id of the artifact sequence acted on.'),
  identity('entity_asset', 'text', 'The id of the entity or team acted on.'),
  identity('project_asset', 'text', 'The id of the project acted on.'),
  identity('report_asset', 'text', 'The id of the report acted on.'),
  identity('user_asset', 'text', 'The id of the user acted on.'),
  identity('cli_version', 'text', 'The version of the Python SDK, if it was used; chosen by the client.'),
  identity('actor_ip', 'text', 'The network address of the actor.'),
]

const NAMES: readonly Column[] = [
  name('actor_email', 'text', 'The e-mail address of the actor.'),
  name('user_email', 'text', 'The e-mail address of the user acted on.'),
  name('entity_name', 'text', 'The name of the entity or team acted on, when the API was asked.'),
  name('project_name', 'text', 'The name of the project acted on, when the API was asked.'),
  name('report_name', 'text', 'The name of the report acted on, when the API was asked.'),
  name('artifact_digest', 'text', 'The digest of the artifact acted on.'),
  name('artifact_qualified_name', 'text', 'The qualified name of the artifact acted on.'),
]

export const AUDIT_EVENTS: Table = {
  name: 'audit_events',
  meaning: 'One row for each audit event, whichever source it came from.',
  key: ['timestamp', 'content_hash'],
  columns: [
    ...IDENTITY,
    ...NAMES,
    content(
      'extra',
      'json',
      'Unknown keys, and values their column cannot hold exactly, under their keys; null when there are none.',
    ),
    content(
      'content_hash',
      'text',
      'Identity of the event: SHA-256 over the identity fields, undocumented ids and its repeat in the document, 64 hex digits.',
      true,
    ),
    provenance('source_document', 'text', 'The document the event was first read from.'),
    provenance(
      'source_line',
      'bigint',
      'Its line there, counted from 1 without blank lines; in a saved page, its place in audit_logs.',
    ),
    provenance('load_id', 'text', 'The batch that inserted it, as in audit_loads.'),
    provenance('loaded_at', 'timestamp', 'When that batch was loaded.'),
    provenance(
      'names_document',
      'text',
      'The document the names come from; each name filled from another one follows on a line of its own, as name: document.',
    ),
  ],
}

export const AUDIT_REJECTS: Table = {
  name: 'audit_rejects',
  meaning: 'One row for each line that could not become an event, kept raw with its reason.',
  key: ['reject_id'],
  columns: [
    content(
      'reject_id',
      'text',
      'SHA-256 over the document, the raw line and its repeat there, 64 hex digits: reading it again adds nothing.',
      true,
    ),
    provenance('source_document', 'text', 'The document the line stands in.', true),
    provenance('document_version', 'text', 'The version of the document that was read.'),
    provenance(
      'source_line',
      'bigint',
      'Its line there, counted from 1 without blank lines; in a saved page, its place in audit_logs.',
      true,
    ),
    content('reason', 'text', 'A short code, for example not_json or bad_timestamp.', true),
    content('message', 'text', 'What is wrong, in words, without any value of the line.', true),
    content(
      'raw',
      'text',
      'The line as it arrived; base64 where reason is not_utf8 or sink_refused. A long one goes on in audit_reject_pieces.',
      true,
    ),
    provenance('load_id', 'text', 'The batch that kept it.', true),
    provenance('loaded_at', 'timestamp', 'When that batch was loaded.', true),
  ],
}

export const AUDIT_REJECT_PIECES: Table = {
  name: 'audit_reject_pieces',
  meaning: 'What follows the beginning of a long rejected line, in pieces to be joined in their order.',
  key: ['reject_id', 'piece'],
  columns: [
    content('reject_id', 'text', 'The reject, as in audit_rejects.', true),
    content('piece', 'integer', 'Counted from 2; the first piece is raw of audit_rejects.', true),
    content('raw', 'text', 'The text of this piece.', true),
  ],
}

export const AUDIT_CONFLICTS: Table = {
  name: 'audit_conflicts',
  meaning:
    'Where a later reading of an event contradicts its row: one row for each event and extra, and for each distinct ' +
    'pair of names and document.',
  key: ['conflict_id'],
  columns: [
    content(
      'conflict_id',
      'text',
      'SHA-256 over the column, the other document and the values (for extra, the event), 64 hex digits.',
      true,
    ),
    content('column_name', 'text', 'The column of audit_events the readings disagree about.', true),
    content('timestamp', 'timestamp', 'The event; of several, the earliest one that was met first.', true),
    content('content_hash', 'text', 'The event, as in audit_events.', true),
    content('kept', 'text', 'The value in the row; null where the row has none and takes none from such a document.'),
    content('other', 'text', 'The value that is not in the row; for extra, the whole other object.', true),
    content(
      'kept_document',
      'text',
      'The document the row has its value from; for extra, the one it was first read from.',
    ),
    content('other_document', 'text', 'The document that says otherwise.', true),
    content('events', 'bigint', 'How many events of that document are contradicted so.', true),
    provenance('load_id', 'text', 'The batch in which this was met first.', true),
    provenance('loaded_at', 'timestamp', 'When that batch was loaded.', true),
  ],
}

export const AUDIT_DOCUMENTS: Table = {
  name: 'audit_documents',
  meaning: 'The receipts: which document was loaded, in which version.',
  key: ['source', 'document', 'document_version'],
  columns: [
    content('source', 'text', 'Where the document comes from.', true),
    content('document', 'text', 'The document, named in full.', true),
    content('document_version', 'text', 'ETag, generation, size and times, or SHA-256, as the source has it.', true),
    content('sha256', 'text', 'SHA-256 of the bytes as they arrived, 64 hex digits.', true),
    content('bytes', 'bigint', 'How many bytes arrived.', true),
    content('range_from', 'timestamp', 'The first instant asked for; for files, that of the earliest event.'),
    content('range_to', 'timestamp', 'The instant the request ended before; for files, that of the latest event.'),
    content('rows_read', 'bigint', 'Lines read, blank ones not counted.', true),
    content('rejected', 'bigint', 'Lines that became rejects.', true),
    provenance('load_id', 'text', 'The batch that loaded it last.', true),
    provenance('loaded_at', 'timestamp', 'When that was.', true),
  ],
}

export const AUDIT_LOADS: Table = {
  name: 'audit_loads',
  meaning: 'One row for each batch; rows_read = inserted + enriched + unchanged + rejected.',
  key: ['load_id'],
  columns: [
    content('load_id', 'text', 'The batch.', true),
    content('documents', 'bigint', 'Documents in it.', true),
    content('rows_read', 'bigint', 'Lines read, blank ones not counted.', true),
    content('inserted', 'bigint', 'Events that are new.', true),
    content('enriched', 'bigint', 'Lines that gave an event that was there a name, or a key of extra.', true),
    content('unchanged', 'bigint', 'Lines whose event was there already.', true),
    content('rejected', 'bigint', 'Lines that became rejects.', true),
    content('started_at', 'timestamp', 'When reading the batch began.', true),
    content('finished_at', 'timestamp', 'When it was loaded.', true),
    content('loader_version', 'text', 'The version of wandb-audit.', true),
    content('conflicts', 'bigint', 'Values that contradict the row of their event; audit_conflicts has them.'),
  ],
}

export const AUDIT_ACTIONS: Table = {
  name: 'audit_actions',
  meaning: 'The documented actions and what they mean.',
  key: ['action'],
  columns: [
    content('action', 'text', 'The action as it stands in audit_events.', true),
    content('object', 'text', 'What it is done to: the part before the colon.', true),
    content('verb', 'text', 'What is done: the part after the colon.', true),
    content('category', 'text', 'read, write, admin or auth.', true),
    content('destructive', 'boolean', 'Whether it takes something away.', true),
    content('definition', 'text', 'What W&B documents.', true),
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
]

/** Of the tables together. It rises with a change that older versions must not write over: docs/decisions/layout-version.md. */
export const LAYOUT_VERSION = 1

/** The twelve fields of `content_hash`, in its order. */
export const IDENTITY_FIELDS: readonly string[] = IDENTITY.map((field) => field.name)

/** The columns that arrive only with the non-anonymised API. */
export const NAME_FIELDS: readonly string[] = NAMES.map((field) => field.name)

/** What a later reading may add to the row of an event. */
export const FILLED_FIELDS: readonly string[] = [...NAME_FIELDS, 'extra']

/** Every documented key of the wire record. */
export const RECORD_FIELDS: readonly string[] = [...IDENTITY_FIELDS, ...NAME_FIELDS]
