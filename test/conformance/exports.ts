/** What a sink exports makes the same events again; `sinkConformance` runs it. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { rendered } from '../../src/cli/formats/index.js'
import type { QueryResult, Sink } from '../../src/contract.js'
import { exportSource } from '../../src/sources/exports.js'
import { fileSource } from '../../src/sources/files.js'
import { countsOf, loadInto, newFolder } from '../support/load.js'
import { HOSTILE_LOADS } from '../support/loads.js'
import { eventsOf, type RowObject } from '../support/rows.js'

/** Rows of audit_events without when and by which load they came. */
export const lasting = async (sink: Sink): Promise<readonly RowObject[]> =>
  (await eventsOf(sink)).map(({ load_id: _, loaded_at: __, ...row }) => row)

const exportsIn = (folder: string) => ({ sources: [exportSource(fileSource(folder))] })

async function written(result: QueryResult, format: 'parquet' | 'ndjson'): Promise<Buffer> {
  const chunks = []
  for await (const chunk of rendered(result, format, process.stdout)) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** https://cloud.google.com/bigquery/docs/exporting-data#json_data_types: 64-bit integers are texts, and nulls are left out. */
async function asBigQueryExports({ columns, rows }: QueryResult): Promise<Buffer> {
  const lines = []
  for await (const row of rows) {
    const members = columns.flatMap(({ name, type }, i) => {
      const value = row[i] ?? null
      if (value === null) return []
      if (name === 'extra') return [`"extra":${value}`]
      const text = type === 'timestamp' ? String(value).replace('T', ' ').replace('Z', ' UTC') : String(value)
      return [`${JSON.stringify(name)}:${JSON.stringify(text)}`]
    })
    lines.push(`{${members.join(',')}}\n`)
  }
  return Buffer.from(lines.join(''))
}

export function exportConformance(name: string, newSink: () => Promise<Sink>): void {
  it(`${name}: exports are loaded back into the same events, row by row, whatever they hold and however they are cut`, async () => {
    const original = await newSink()
    for (const sources of HOSTILE_LOADS) await loadInto(original, { sources })
    const events = await lasting(original)
    expect(events.length).toBeGreaterThan(8)
    const folder = join(newFolder(), 'exports')
    mkdirSync(folder)
    // Equal events lie in several files, and some rows in two.
    for (const [form, where] of [
      ['parquet', "content_hash < '7'"],
      ['ndjson', "content_hash BETWEEN '4' AND 'b'"],
      ['bigquery', "content_hash >= '9'"],
    ] as const) {
      const result = await original.query(`SELECT * FROM audit_events WHERE ${where}`)
      const bytes = form === 'bigquery' ? await asBigQueryExports(result) : await written(result, form)
      writeFileSync(join(folder, form), form === 'parquet' ? bytes : gzipSync(bytes))
    }
    const rebuilt = await newSink()
    const summary = await loadInto(rebuilt, exportsIn(folder))
    expect(summary).toMatchObject({ failed: [], documents: 3 })
    expect(countsOf(summary)[3]).toBe(0)
    expect(await lasting(rebuilt)).toEqual(events)
    expect(countsOf(await loadInto(original, exportsIn(folder))).slice(0, 2)).toEqual([0, 0])
    expect(await lasting(original)).toEqual(events)
    for (const sink of [original, rebuilt]) await sink.close()
  })
}
