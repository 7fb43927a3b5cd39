/**
 * What a sink must hold: a replay of the archive into a file of the run's own folder, and what else of it is right. Where
 * documents disagree on a name or a key of `extra`, the value that was loaded first stays, so a sink that was loaded in another
 * order rightly has another one.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { FILLED_FIELDS, NAME_FIELDS, RECORD_FIELDS } from '../../schemas/tables.js'
import type { Batch, LoadCounts, LoadingSink } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import { duckdbError } from '../duckdb/errors.js'
import { writeParquet } from '../duckdb/parquet.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import type { Engine } from '../transform/engine.js'
import { EXTRA_FUNCTIONS } from '../transform/extras.js'

/** The schema of the engine that has the tables of the replay. */
export const EXPECTED = 'expected'

const KEY = 't."timestamp" = e."timestamp" AND t.content_hash = e.content_hash'

export interface Replay {
  /** The DuckDB file that `sink` loads. */
  readonly file: string
  readonly sink: LoadingSink
}

/** Takes the place of the sink in the pipeline. */
export class Expected implements LoadingSink {
  readonly id = 'the replay'
  /** For files of the comparison. */
  readonly folder: string
  private readonly replay: Replay
  private batches = 0
  private others = 0

  /** @param folder the run's own folder, which exists */
  constructor(folder: string, replay: Replay) {
    this.folder = join(folder, 'other-values')
    mkdirSync(this.folder)
    this.replay = replay
  }

  prepare(): Promise<void> {
    return this.replay.sink.prepare()
  }

  /** Whatever was loaded before, everything is read. */
  async receipts(): Promise<ReadonlyMap<string, string>> {
    return new Map()
  }

  async load(batch: Batch, signal: AbortSignal): Promise<LoadCounts> {
    const counts = await this.replay.sink.load(batch, signal)
    if (counts.conflicts > 0) await this.noteOthers(batch, signal)
    await interruptible(batch.engine, signal, () => this.noteReadings(batch))
    return counts
  }

  close(): Promise<void> {
    return this.replay.sink.close()
  }

  /** Keeps the names and extras that contradict the rows as they are now. */
  private async noteOthers({ engine, events, readings }: Batch, signal: AbortSignal): Promise<void> {
    const [filled, names] = [FILLED_FIELDS, NAME_FIELDS].map((all) => all.map(quotedIdentifier))
    const key = '"timestamp", content_hash'
    const all = `
      SELECT ${key}, ${filled?.join(', ')}, names_document AS document FROM ${events.relation}
      UNION ALL SELECT ${key}, ${filled?.join(', ')}, document FROM ${readings.relation}`
    const differs = (names ?? []).map((name) => `e.${name} <> t.${name}`).join(' OR ')
    const contradicts = `${EXTRA_FUNCTIONS.contradicts}(CAST(t.extra AS VARCHAR), CAST(e.extra AS VARCHAR))`
    await this.attached(engine, () =>
      interruptible(engine, signal, async () => {
        await writeParquet(
          this.id,
          engine,
          `SELECT e.* FROM (${all}) e JOIN ${EXPECTED}.audit_events t ON ${KEY}
           WHERE ${differs} OR (t.extra <> e.extra AND ${contradicts})`,
          join(this.folder, `${this.others++}.parquet`),
        )
      }),
    )
  }

  /** Keeps which readings of each document there are. */
  private async noteReadings({ engine, receipts }: Batch): Promise<void> {
    const path = join(this.folder, `readings-${this.batches++}.parquet`)
    await writeParquet(this.id, engine, `SELECT source, document, sha256 FROM ${receipts.relation}`, path)
  }

  /**
   * Makes the tables of the replay known to the engine, as the schema `expected`, while `work` runs. Afterwards the engine forgets
   * what it has read of them, and leaves the memory to the sink.
   */
  async attached<T>(engine: Engine['connection'], work: () => Promise<T>): Promise<T> {
    try {
      await engine.run(`ATTACH ${quotedString(this.replay.file)} AS ${EXPECTED} (READ_ONLY)`)
    } catch (error) {
      throw duckdbError(this.id, error)
    }
    try {
      return await work()
    } finally {
      await engine.run(`DETACH ${EXPECTED}`)
    }
  }

  /** A relation with the other values: the columns of audit_events that come from a record, and `document`. */
  get otherValues(): string {
    const unset = RECORD_FIELDS.filter((name) => name !== 'timestamp' && !FILLED_FIELDS.includes(name))
    const columns = (names: readonly string[]): string =>
      names.map((name) => `NULL::VARCHAR AS ${quotedIdentifier(name)}`).join(', ')
    if (this.others > 0)
      return `(SELECT *, ${columns(unset)} FROM read_parquet(${filesIn(this.folder, this.others, '')}))`
    return `(SELECT TIMESTAMPTZ 'epoch' AS "timestamp", '' AS content_hash, ${columns([...FILLED_FIELDS, ...unset])}, '' AS document WHERE false)`
  }

  /** A relation with source, document and sha256 of each archived reading. */
  get readings(): string {
    if (this.batches > 0) return `read_parquet(${filesIn(this.folder, this.batches, 'readings-')})`
    return `(SELECT '' AS source, '' AS document, '' AS sha256 WHERE false)`
  }
}

const filesIn = (folder: string, files: number, prefix: string): string =>
  `[${Array.from({ length: files }, (_, i) => quotedString(join(folder, `${prefix}${i}.parquet`))).join(', ')}]`
