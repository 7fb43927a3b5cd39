/** The types every source and every sink is written against, and nothing else. */

import type { DuckDBConnection } from '@duckdb/node-api'

/** Half-open range of instants [from, to), both at UTC midnight; null is without end on that side. */
export interface DayRange {
  readonly from: Date | null
  readonly to: Date | null
}

/** What is read whole, and whose repeats are counted together. */
export interface Document {
  /** For example `s3://bucket/wandb-audit-logs/2026-10-01.json`; the same at every listing. */
  readonly id: string
  /**
   * ETag, generation, or size and times; null: known only after landing, when its SHA-256 serves. A document that is found
   * changed when it is opened takes the version that was read.
   */
  readonly version: string | null
  /** Size as listed, in bytes; null when unknown. Serves the progress bar only. */
  readonly bytes: number | null
  /** The instants a request asked for; null where the document's own events tell. */
  readonly range: DayRange | null
  /** True when the bytes are lines of JSON already, and neither an archive nor pages of the API. */
  readonly isNdjson?: boolean
  /** A local file with exactly these bytes, where there is one: landing then need not copy it. */
  readonly path?: string
  /**
   * Streams the bytes; null when the document was removed after it was listed. Rejects, or the iteration does, when it
   * does not arrive whole.
   */
  open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | null>
}

export interface Source {
  /** Namespace of its receipts; the same on every machine that reads the same place. */
  readonly id: string
  /**
   * Where fetching is dear: each document is committed on its own, so that a killed run fetches none twice; some together where a
   * sink asks for that.
   */
  readonly commitEach?: boolean
  /** How many documents may be read at once; one when absent. */
  readonly concurrency?: number
  /**
   * Where asking is dear: what a load that names no days has to list, judging from its receipts in each sink. Absent where
   * everything is listed.
   */
  window?(receipts: readonly ReadonlyMap<string, string>[]): DayRange
  /** Every document that may hold events of the range; what else it holds is passed over by the transform. */
  list(range: DayRange, signal: AbortSignal): AsyncIterable<Document>
  close(): Promise<void>
}

/**
 * Documents transformed and loaded together.
 *
 * `events` holds each event of the batch once, with the columns of `audit_events` in their order and two more:
 * `occurrences`, the lines it was read from, and `fills`, how many of these after the first added a name or a key of extra.
 * `readings` holds what documents of the batch say otherwise than their event's row in `events`: timestamp, content_hash,
 * the names, extra, and `document`. `rejects` holds the columns of `audit_rejects`, `pieces` those of
 * `audit_reject_pieces`, `receipts` those of `audit_documents`: what the sink shall remember of each document. All are
 * relations of `engine`, named so that they can stand in SQL. A document that a sink refuses comes again in parts, the
 * receipt last: such a batch may be of no document and have no receipt.
 */
export interface Batch {
  readonly loadId: string
  /** The id of the source its documents come from. */
  readonly source: string
  readonly startedAt: Date
  readonly loaderVersion: string
  readonly documents: number
  /** Lines read: events with all their occurrences, and rejects. */
  readonly rowsRead: number
  readonly rejected: number
  /** With the least and greatest `timestamp`; null when there is no event. */
  readonly events: { readonly relation: string; readonly bounds: TimestampBounds | null }
  readonly readings: { readonly relation: string; readonly rows: number }
  readonly rejects: { readonly relation: string }
  readonly pieces: { readonly relation: string; readonly rows: number }
  readonly receipts: { readonly relation: string }
  /** A folder of the run's own where a sink may put files for this batch; removed after its load. */
  readonly folder: string
  readonly engine: DuckDBConnection
}

/** Microseconds since 1970 UTC, both inclusive. */
export interface TimestampBounds {
  readonly least: bigint
  readonly greatest: bigint
}

/** What became of a batch's lines in one sink: read = inserted + enriched + unchanged + rejected. */
export interface LoadCounts {
  /** Values of these lines that contradict their event's row, and stand in audit_conflicts. */
  readonly conflicts: number
  readonly read: number
  readonly inserted: number
  readonly enriched: number
  readonly unchanged: number
  readonly rejected: number
}

export type ColumnType = 'text' | 'boolean' | 'integer' | 'double' | 'timestamp' | 'date' | 'json'

/** Instants as Date lose microseconds, so timestamps are text: `2026-10-01T12:34:56.123456Z`. */
export type Value = string | number | bigint | boolean | null

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[]
  readonly rows: AsyncIterable<readonly Value[]>
}

/** What a command asks of a sink, in the sink's own SQL. */
export interface Question {
  /** Stands in JSON: `unknown_actions`. */
  readonly name: string
  /** For people. */
  readonly title: string
  readonly sql: string
}

export interface Questions {
  /**
   * What the sink holds, by source and by day, of the last `days` UTC days there are, and what looks odd. A sink that charges for
   * what is read may ask for the days first.
   */
  status(days: number): readonly Question[] | Promise<readonly Question[]>
  /** loaded_at, reason, source_document, source_line and message of each reject. */
  readonly rejects: string
  /** reason and raw of each reject, a long one in several rows: `more` tells whether the next row goes on with the line. */
  readonly rawRejects: string
}

/** What a load would ask of a warehouse that charges for it. */
export interface Estimate {
  /** Jobs that each batch takes. */
  readonly jobs: number
  /** Bytes that comparing a batch with what is there would process, at most. */
  readonly bytes: number
}

export interface Sink {
  /** As the operator addressed it, without secrets. */
  readonly id: string
  /**
   * Where a load costs much whatever its size: how much of it to load together, at most. Bytes of text, and documents of a source
   * that commits each on its own; a run that is killed reads these again.
   */
  readonly together?: { readonly bytes: number; readonly documents: number }
  /** Creates what is missing, adds columns, never drops or narrows. */
  prepare(): Promise<void>
  /** Document → version of its newest receipt, for one source. */
  receipts(source: string): Promise<ReadonlyMap<string, string>>
  /** All or nothing: events, rejects and receipts together. */
  load(batch: Batch, signal: AbortSignal): Promise<LoadCounts>
  /** For events of `range`, without making or changing anything; absent where loads cost nothing. */
  estimate?(range: DayRange): Promise<Estimate>
  query(sql: string): Promise<QueryResult>
  readonly questions: Questions
  close(): Promise<void>
}

/** What a load needs of a sink. */
export type LoadingSink = Omit<Sink, 'query' | 'questions'>
