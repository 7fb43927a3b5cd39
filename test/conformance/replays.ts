/** What an archive holds makes the same tables in every sink; `sinkConformance` runs it. */

import { join } from 'node:path'
import { expect, it } from 'vitest'
import {
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
} from '../../schemas/tables.js'
import { archiveAt, openPlace } from '../../src/archive/archive.js'
import { archiveSources } from '../../src/archive/source.js'
import type { Sink, Source } from '../../src/contract.js'
import { loadInto, never, newFolder } from '../support/load.js'
import { HOSTILE_LOADS, ODD_LOAD } from '../support/loads.js'
import { contentOf, type RowObject, tableOf } from '../support/rows.js'

const TABLES = [AUDIT_EVENTS, AUDIT_REJECTS, AUDIT_REJECT_PIECES, AUDIT_CONFLICTS, AUDIT_DOCUMENTS]

/** All rows, without when and by which load they came. */
async function everyRow(sink: Sink): Promise<Readonly<Record<string, readonly RowObject[]>>> {
  const tables: Record<string, readonly RowObject[]> = {}
  for (const table of TABLES) {
    const rows = await tableOf(sink, table)
    tables[table.name] = rows.map(({ load_id: _, loaded_at: __, ...row }) => row)
  }
  return tables
}

/** A receipt of a replay says so, because the API has to be asked once more. */
const asReplayed = (row: RowObject): RowObject =>
  String(row.document).startsWith('http') ? { ...row, document_version: `replayed ${row.document_version}` } : row

export function replayConformance(name: string, newSink: () => Promise<Sink>): void {
  it(`${name}: an archive is loaded back into the same tables, row by row, whatever the documents hold`, async () => {
    const folder = join(newFolder(), 'archive')
    const archive = archiveAt(await openPlace(folder), null)
    const original = await newSink()
    for (const sources of [...HOSTILE_LOADS, ODD_LOAD]) {
      expect((await loadInto(original, { sources }, { archive })).failed).toEqual([])
    }
    const replay = async (): Promise<readonly Source[]> =>
      archiveSources(await openPlace(folder), {
        concurrency: 4,
        signal: never,
        onWarning: (text) => expect.unreachable(text),
      })

    const rebuilt = await newSink()
    expect((await loadInto(rebuilt, { sources: await replay() })).failed).toEqual([])
    const { audit_documents: receipts = [], ...tables } = await everyRow(original)
    for (const rows of Object.values(tables)) expect(rows).not.toEqual([])
    expect(await everyRow(rebuilt)).toEqual({ ...tables, audit_documents: receipts.map(asReplayed) })

    const reversed = await newSink()
    await loadInto(reversed, { sources: [...(await replay())].reverse() })
    expect(await contentOf(reversed)).toEqual(await contentOf(original))
    for (const sink of [original, rebuilt, reversed]) await sink.close()
  })
}
