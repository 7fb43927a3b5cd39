import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parquetSink } from '../../sinks/parquet/index.js'
import { ACTIONS, DOCUMENTS, EVENTS, LAYOUTS, LOADS, partOf, REJECTS } from '../../sinks/parquet/layout.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { contentOf, tableOf } from '../support/rows.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }

describe('a file that no load has written', () => {
  it.each([
    ['audit_events', 'audit_events/event_date=2026-10-01/planted.parquet'],
    ['audit_events', 'audit_events/event_date=2026-10-01/deeper/events.parquet'],
    ['audit_events', 'audit_events/event_date=2026-10-01-planted/events.parquet'],
    ['audit_events', 'audit_events/event_date=yesterday/events.parquet'],
    ['audit_events', 'audit_events/events.parquet'],
    ['audit_rejects', 'audit_rejects/part-10.parquet'],
    ['audit_rejects', 'audit_rejects/part-g.parquet'],
    ['audit_documents', 'audit_documents/part-A.parquet'],
    ['audit_documents', 'audit_documents/planted.parquet'],
    ['audit_loads', 'audit_loads/2026-10-01.parquet'],
    ['audit_actions', 'audit_actions/more.parquet'],
  ])('is no part of %s: %s', async (name, planted) => {
    const folder = newFolder()
    const sink = await parquetSink(`parquet:${folder}`, never)
    const document = { a: ndjson(EVENT, 'no json') }
    await loadInto(sink, document)
    const { table } = LAYOUTS.find((layout) => layout.table.name === name) ?? EVENTS
    const [before, receipts] = [await tableOf(sink, table), await sink.receipts('test')]
    expect(before.length).toBeGreaterThan(0)

    const target = join(folder, planted)
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(fileOf(folder, name), target)
    expect(await tableOf(sink, table)).toEqual(before)
    expect(await sink.receipts('test')).toEqual(receipts)

    const content = await contentOf(sink)
    await loadInto(sink, { ...document, b: ndjson(EVENT) })
    expect(await contentOf(sink)).toEqual(content)
  })

  it('has none of the names that loads give', () => {
    for (const [layout, part] of [
      [EVENTS, '0001-01-01'],
      [EVENTS, '9999-12-31'],
      [REJECTS, 'f'],
      [DOCUMENTS, '0'],
      [LOADS, '2026-10'],
      [ACTIONS, 'actions'],
    ] as const) {
      expect(partOf(layout, layout.file(part)), layout.table.name).toBe(part)
      for (const other of ['', '/', `${part}/${part}`, `${part} `, `${part}\n`, '..'])
        expect(partOf(layout, layout.file(other)), `${layout.table.name} ${other}`).toBe(null)
    }
  })
})

/** One that a load has written. */
function fileOf(folder: string, table: string): string {
  const [file] = readdirSync(join(folder, table), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.parquet'),
  )
  if (file === undefined) throw new Error(`no load has written ${table}`)
  return join(folder, table, file)
}
