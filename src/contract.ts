/** The interface between the pipeline and every source and sink. */

import type { DuckDBConnection } from '@duckdb/node-api'
import type { Span } from '../schemas/day-digest.js'
import type { Detection } from '../schemas/detections/detection.js'

/** Half-open range of instants [from, to), both at UTC midnight; null means unbounded. */
export interface DayRange {
  readonly from: Date | null
  readonly to: Date | null
}

/** The unit that is read as a whole, and within which repeated events are counted. */
export interface Document {
  /** For example `s3://bucket/wandb-audit-logs/2026-10-01.json`; the same in every listing. */
  readonly id: string
  /**
   * ETag, generation, or size and times. Null when known only after landing: reading determines it, or else the SHA-256 is
   * used. A document that has changed by the time it is opened takes the version that is read.
   */
  readonly version: string | null
  /** Tells several readings of one document apart, where a listing has more than one: in an archive. */
  readonly reading?: string
  /** Size as listed, in bytes; null when unknown. Need not be exact: it serves progress and choices of method. */
  readonly bytes: number | null
  /** The range that was requested; null when the document's own events determine its range. */
  readonly range: DayRange | null
  /** True when the bytes are lines of JSON already, not an archive or pages of the API. */
  readonly isNdjson?: boolean
  /** True when the bytes are rows of audit_events that a sink exported, rather than lines of a log. */
  readonly isExport?: true
  /** Says how to restore the document, when it cannot be read because it is in an archive tier. May become known in `open`. */
  readonly archived?: string | undefined
  /**
   * A document without events, the last of a listing. It is loaded by itself after all others, and only if each of them was: its
   * receipt says that everything listed is loaded.
   */
  readonly checkpoint?: true
  /** A local file with exactly these bytes, if there is one, which landing need not copy. */
  readonly path?: string
  /**
   * Streams the bytes; null when the document was removed after it was listed. Rejects, or the iteration does, when the
   * document does not arrive whole.
   */
  open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | null>
}

export interface Source {
  /** Namespace of its receipts; the same on every machine that reads from the same location. */
  readonly id: string
  /** How many documents may be read concurrently; one when absent. */
  readonly concurrency?: number
  /**
   * For expensive listings: the range that a load without days has to list, given the receipts in each sink. When absent,
   * everything is listed.
   */
  window?(receipts: readonly ReadonlyMap<string, string>[]): DayRange
  /**
   * Lists every document that may hold events of the range; the transform skips events outside it.
   *
   * @param receipts those of each sink, if only what is new is wanted: documents that every sink has may then be left out
   */
  list(range: DayRange, signal: AbortSignal, receipts?: readonly ReadonlyMap<string, string>[]): AsyncIterable<Document>
  /** For documents that are days: how many should be finished by now but are not, according to a sink's receipts. */
  unfinishedDays?(receipts: ReadonlyMap<string, string>): number
  /** For `doctor`, instead of listing documents: checks what this kind of source needs. Changes nothing. */
  checks?(): readonly Check[]
  close(): Promise<void>
}

/**
 * Documents that are transformed and loaded together. The relations belong to `engine`, under names valid in SQL.
 *
 * `events`: each event of the batch once, with the columns of `audit_events` in order, `occurrences` (the number of lines it
 * was read from), `fills` (how many lines after the first added a name or a key of extra) and `line` (where it is in its document).
 * `readings`: values in the batch's documents that differ from their event's row in `events`, with timestamp, content_hash,
 * the names, extra, and `document`.
 * `appearances`: document, timestamp, action, content_hash and `line` of each line that is an event, also where several documents
 * have the same event.
 * `rejects`, `pieces`, `receipts`: the columns of `audit_rejects`, `audit_reject_pieces` and `audit_documents`.
 *
 * A document that a sink refuses is loaded again in parts, the receipt last: such a batch may have no document or receipt.
 */
export interface Batch {
  readonly loadId: string
  /** The id of the source of its documents. */
  readonly source: string
  readonly startedAt: Date
  readonly loaderVersion: string
  readonly documents: number
  /** Lines read: events with all their occurrences, and rejects. */
  readonly rowsRead: number
  readonly rejected: number
  /** `bounds`: the least and the greatest `timestamp`; null when there is no event. */
  readonly events: { readonly relation: string; readonly bounds: TimestampBounds | null }
  readonly readings: { readonly relation: string; readonly rows: number }
  /** `mayRepeat`: an event may appear more than once here, from different documents. */
  readonly appearances: { readonly relation: string; readonly mayRepeat: boolean }
  readonly rejects: { readonly relation: string }
  readonly pieces: { readonly relation: string; readonly rows: number }
  readonly receipts: { readonly relation: string }
  /** The run's own folder for files that a sink needs for this batch; removed after its load. */
  readonly folder: string
  readonly engine: DuckDBConnection
  /** Opens a further connection to the engine, for statements that run side by side. The caller closes it. */
  connect(): Promise<DuckDBConnection>
}

/** Microseconds since 1970 UTC, both inclusive. */
export interface TimestampBounds {
  readonly least: bigint
  readonly greatest: bigint
}

/** The outcome of a batch's lines in one sink: read = inserted + enriched + unchanged + rejected. */
export interface LoadCounts {
  /** Values in these lines that contradict their event's row; they are in audit_conflicts. */
  readonly conflicts: number
  readonly read: number
  readonly inserted: number
  readonly enriched: number
  readonly unchanged: number
  readonly rejected: number
}

export type ColumnType = 'text' | 'boolean' | 'integer' | 'double' | 'timestamp' | 'date' | 'json'

/** A value of a result. Timestamps are text, `2026-10-01T12:34:56.123456Z`, because Date would lose microseconds. */
export type Value = string | number | bigint | boolean | null

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[]
  readonly rows: AsyncIterable<readonly Value[]>
}

/** Values for the parameters of a query, by name: `$name` in DuckDB, `@name` in BigQuery, `:name` in Redshift. */
export type QueryParameters = ReadonlyMap<string, string>

/** A query that a command runs in a sink, in the sink's own SQL. */
export interface Question {
  /** Key in JSON output: `unknown_actions`. */
  readonly name: string
  /** Heading in text output. */
  readonly title: string
  readonly sql: string
}

/** What `erase` reads to find a person: only exact values can be cleared, and only this process knows all spellings of one. */
export interface PersonalQuestions {
  /**
   * actor_user_id, user_asset, actor_email, user_email, entity_name, project_name, report_name, artifact_qualified_name, and
   * the number of events with them.
   */
  readonly names: string
  /** content_hash and extra of each event that has one. */
  readonly extras: string
  /** conflict_id, column_name, kept and other of each conflict; actor_user_id and user_asset of its event. */
  readonly conflicts: string
  /** reject_id, piece and raw of each piece of a reject, in their order. */
  readonly rejects: string
  /** id, part and text of each part of a long extra, in their order, where an extra may hold only the id of such a text. */
  readonly parts?: string
}

export interface Questions {
  /** The statement of a detection over a period; absent if the sink's events cannot be queried. */
  detection?(detection: Detection, span: Span, parameters: unknown): string | Promise<string>
  /** finding_key of each reported finding that began at `since` or later; absent whenever `detection` is. */
  reported?(since: Date): string
  /** Absent where events cannot be asked for. */
  readonly personal?: PersonalQuestions
  /**
   * What the sink holds, by source and by day for the last `days` UTC days with data, and what looks unusual. A sink that
   * charges for reading may query the days first.
   */
  status(days: number): readonly Question[] | Promise<readonly Question[]>
  /** What a report shows about the events in `range`, and about the loads in that time. */
  report(range: Span): readonly Question[] | Promise<readonly Question[]>
  /** newest: the greatest timestamp of events in the span, or null; if only days are known, the end of the newest one. */
  newest(span: Span): string | Promise<string>
  /**
   * utc_hour (`2026-10-01 12`), events and digest (an integer as text) of each hour with events.
   *
   * @param salt hexadecimal digits, which no row could have been chosen for if they are new
   */
  hourDigests(span: Span, salt: string): string | Promise<string>
  /** utc (the timestamp as text, to the microsecond) and content_hash of each event in the spans. */
  identities(spans: readonly Span[]): string | Promise<string>
  /** source_document and rejects, a row for each document with rejects. */
  readonly rejectsByDocument: string
  readonly proof: ProofQuestions
  /** loaded_at, reason, source_document, source_line and message of each reject. */
  readonly rejects: string
  /** reason and raw of each reject. A long line takes several rows; `more` is true if the next row continues the line. */
  readonly rawRejects: string
}

/** What `verify` asks: all that the archive determines. */
export interface ProofQuestions {
  /** How `extra` is kept: as its text, parsed, or parsed into numbers that may lose digits. */
  readonly jsonKept: 'text' | 'parsed' | 'rounded'
  /**
   * A relation of the engine with the events of another one as the sink keeps them, where that is not just as they are. Both have
   * the columns of audit_events.
   */
  kept?(engine: DuckDBConnection, events: string): string
  /**
   * utc_hour (`2026-10-01 12`), events and digest (an integer as text) of each hour with events.
   *
   * @param span null for all events
   * @param salt hexadecimal digits, new for each comparison
   */
  eventDigests(span: Span | null, salt: string): string
  /** utc (the timestamp as text, to the microsecond) and all columns but the provenance, as texts, of each event in the span. */
  events(span: Span): string
  /** Whether `rejectDigests` covers lines with a NUL. */
  readonly keepsNul: boolean
  /** source_document, rejects and digest of each document with rejects. */
  rejectDigests(salt: string): string
  /** reject_id, source_document, reason, is_base64, piece and raw of each piece of each rejected line, in their order. */
  readonly rejects: string
  /** source, document and sha256 of each receipt. */
  readonly receipts: string
  /**
   * what (`event` or `reject`), day (null if it has none) and id of each row stored outside its partition, where readers and loads
   * of that partition miss it. Absent if the sink itself decides where rows are stored.
   */
  readonly misplaced?: string
}

/** The cost of a load in a warehouse that charges for it. */
export interface Estimate {
  /** Jobs per batch. */
  readonly jobs: number
  /** At most how many bytes it processes to compare a batch with existing data. */
  readonly bytes: number
}

export interface Sink {
  /** The address given by the operator, without secrets. */
  readonly id: string
  /** For loads that are expensive whatever their size: how many bytes of text a batch should have. */
  readonly batchBytes?: number
  /** Creates missing tables and columns; never drops or narrows any. */
  prepare(): Promise<void>
  /** For one source: document → version of its newest receipt. */
  receipts(source: string): Promise<ReadonlyMap<string, string>>
  /** What loads into the sink have to respect; asked after `prepare`. */
  remembered(): Promise<Remembered>
  /** Adds the records whose id is new, all or nothing. */
  remember(records: readonly PrivacyRecord[]): Promise<void>
  /**
   * All or nothing: events, rejects and receipts together. An error after the commit has the counts as `committed`, or at least
   * `outside: true` if they are not known, so that the batch is not taken apart and loaded again.
   */
  load(batch: Batch, signal: AbortSignal): Promise<LoadCounts>
  /** Estimates a load of events in `range` without changing anything; absent when loads cost nothing. */
  estimate?(range: DayRange): Promise<Estimate>
  /** Clears what an erasure lists; a repetition changes nothing more. Absent where it is not possible. */
  erase?(erasure: Erasure): Promise<void>
  /** Remembers findings as reported, each once. Absent if the sink's events cannot be queried. */
  report?(findings: readonly ReportedFinding[]): Promise<void>
  /**
   * @param sql one statement that only reads
   * @param parameters are bound, never written into the statement
   * @throws AuditError, with the faulty lines of `sql` if the sink says where
   */
  query(sql: string, parameters?: QueryParameters): Promise<QueryResult>
  /**
   * Writes the answer to a new Parquet file instead, so that no row passes through JavaScript. Absent where no engine in this
   * process answers.
   *
   * @param memoryBytes what that engine may use
   */
  queryTo?(file: string, sql: string, memoryBytes: number): Promise<void>
  readonly questions: Questions
  /** For `doctor`: checks what this kind of sink needs besides being readable. Changes nothing. */
  checks?(): readonly Check[]
  /**
   * For `doctor --probe`: proves what loads rely on, with objects of its own. Each check removes them however it ends.
   *
   * @param name unique; letters, digits and _
   */
  probes?(name: string): readonly Check[]
  close(): Promise<void>
}

/** A row of audit_privacy. */
export interface PrivacyRecord {
  readonly privacy_id: string
  readonly kind: 'rules' | 'erased'
  readonly value: string
}

/** A row of audit_findings. */
export interface ReportedFinding {
  /** 64 hex digits. */
  readonly finding_key: string
  readonly detection: string
  readonly severity: string
  readonly started_at: Date
}

export interface Remembered {
  readonly records: readonly PrivacyRecord[]
  /** Whether anything was ever loaded. */
  readonly hasLoads: boolean
}

/** What of a person is to be cleared. */
export interface Erasure {
  /** The values to clear, by column; by `actor_user_id` and `user_asset` the e-mail addresses beside them. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>
  /** By content_hash: the events that lose their extra. */
  readonly extras: ReadonlySet<string>
  /** By conflict_id: the conflicts that are deleted. */
  readonly conflicts: ReadonlySet<string>
  /** By id: the texts of long extras that are deleted. */
  readonly parts: ReadonlySet<string>
  /** By reject_id: the rejects that lose their raw text. */
  readonly rejects: ReadonlySet<string>
}

type Memory = 'remembered' | 'remember'

/** The part of a sink that a load uses; what takes the place of a sink for a comparison remembers nothing. */
export type LoadingSink = Omit<Sink, 'query' | 'questions' | 'erase' | 'report' | Memory> & Partial<Pick<Sink, Memory>>

/** A check of `doctor`. */
export interface Check {
  /** What is checked, in a word or two: `login`, `clock`. */
  readonly name: string
  /**
   * @returns a text if all is well
   * @throws AuditError if not, with the cure as its advice
   */
  run(signal: AbortSignal): Promise<string | Warning>
}

/** Something that works, but not as it should. */
export interface Warning {
  readonly warning: string
  readonly cure: string
}
