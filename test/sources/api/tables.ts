/** Loads the API through the real pipeline into a DuckDB file, and reads its tables back. */

import { join } from 'node:path'
import { AUDIT_DOCUMENTS } from '../../../schemas/tables.js'
import { duckdbSink } from '../../../sinks/duckdb/index.js'
import type { DayRange, Sink, Source } from '../../../src/contract.js'
import type { Summary } from '../../../src/pipeline.js'
import { loadInto, newFolder } from '../../support/load.js'
import { contentOf, type RowObject, tableOf } from '../../support/rows.js'

export const newSink = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 1000, onWait() {} })

export async function load(sink: Sink, source: Source, range: DayRange): Promise<Summary> {
  const summary = await loadInto(sink, [], {
    jobs: [{ source, range, refetch: false }],
  })
  await source.close()
  return summary
}

export interface Tables {
  readonly events: readonly RowObject[]
  readonly rejects: readonly RowObject[]
  /** Apart from what tells of the load, and the server's port. */
  readonly receipts: readonly RowObject[]
}

/** Events and rejects without their provenance, and the receipts. */
export async function tablesOf(sink: Sink): Promise<Tables> {
  const { audit_events: events = [], audit_rejects: rejects = [] } = await contentOf(sink)
  const receipts = (await tableOf(sink, AUDIT_DOCUMENTS)).map(({ source, load_id, loaded_at, ...lasting }) => ({
    ...lasting,
    document: new URL(String(lasting.document)).search,
  }))
  return { events, rejects, receipts }
}
