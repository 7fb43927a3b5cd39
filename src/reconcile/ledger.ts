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

export class Ledger implements LoadingSink {
  readonly id = 'the comparison'
  /** By source: document → its rejects. Only documents that have any. */
  readonly rejects = new Map<string, Map<string, number>>()
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
        `SELECT source_document, count(*) FROM ${batch.rejects.relation} GROUP BY source_document`,
      )
      renameSync(unfinished, join(folder, `${this.batches++}.parquet`))
      const rejects = this.rejects.get(source) ?? new Map<string, number>()
      for (const [document, count] of counted.getRows())
        rejects.set(String(document), (rejects.get(String(document)) ?? 0) + Number(count))
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
