/**
 * What a load of the sources would put into an empty sink, as far as a comparison needs it: timestamp and content_hash of
 * each event, in files of the run's own folder, and how many rejects each document has. It takes the place of the sink in
 * the pipeline, so documents are listed, landed, transformed and bisected exactly as a load does it.
 */

import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Batch, LoadCounts, LoadingSink } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import { writeParquet } from '../duckdb/parquet.js'
import { quotedString } from '../duckdb/quoting.js'

/** 64 bits tell a document's rejects apart. */
const REJECT_DIGITS = 16

export class Ledger implements LoadingSink {
  readonly id = 'the comparison'
  /** By source: document → the ids of its rejects, shortened. Readings of a document may share some. Only documents that have any. */
  readonly rejects = new Map<string, Map<string, Set<string>>>()
  private readonly folder: string
  private readonly folders = new Map<string, string>()
  private batches = 0

  /** @param folder the run's own folder, which exists */
  constructor(folder: string) {
    this.folder = folder
  }

  async prepare(): Promise<void> {}

  /** Whatever was loaded before, everything is read. */
  async receipts(): Promise<ReadonlyMap<string, string>> {
    return new Map()
  }

  async load(batch: Batch, signal: AbortSignal): Promise<LoadCounts> {
    const { engine, source, rowsRead, rejected } = batch
    const folder = this.folderOf(source)
    const unfinished = join(this.folder, 'ledger-unfinished')
    const inserted = await interruptible(engine, signal, async () => {
      const events = `SELECT "timestamp", content_hash FROM ${batch.events.relation}`
      const rows = await writeParquet(this.id, engine, events, unfinished, 'snappy', 'bounded')
      const counted = await engine.runAndReadAll(
        `SELECT source_document, left(reject_id, ${REJECT_DIGITS}) FROM ${batch.rejects.relation}`,
      )
      renameSync(unfinished, join(folder, `${this.batches++}.parquet`))
      const rejects = this.rejects.get(source) ?? new Map<string, Set<string>>()
      for (const [document, reject] of counted.getRows())
        rejects.set(String(document), (rejects.get(String(document)) ?? new Set()).add(String(reject)))
      this.rejects.set(source, rejects)
      return rows
    })
    const unchanged = rowsRead - rejected - inserted
    return { read: rowsRead, inserted, enriched: 0, unchanged, rejected, conflicts: 0 }
  }

  async close(): Promise<void> {}

  /**
   * SELECTs timestamp and content_hash of the events of a source, each once.
   *
   * @param condition on `"timestamp"`, so that the files' other parts are not read
   */
  eventsOf(source: string, condition = 'true'): string {
    const folder = this.folderOf(source)
    const files = readdirSync(folder).map((name) => quotedString(join(folder, name)))
    if (files.length === 0) return `SELECT TIMESTAMPTZ 'epoch' AS "timestamp", '' AS content_hash WHERE false`
    return `SELECT DISTINCT "timestamp", content_hash FROM read_parquet([${files.join(', ')}]) WHERE ${condition}`
  }

  private folderOf(source: string): string {
    const known = this.folders.get(source)
    if (known !== undefined) return known
    const folder = join(this.folder, `ledger-${this.folders.size}`)
    mkdirSync(folder)
    this.folders.set(source, folder)
    return folder
  }
}
