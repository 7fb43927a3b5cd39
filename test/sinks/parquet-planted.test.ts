import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parquetSink } from '../../sinks/parquet/index.js'
import { ACTIONS, DOCUMENTS, EVENTS, LAYOUTS, LOADS, partOf, REJECTS } from '../../sinks/parquet/layout.js'
import { markerName, versionName } from '../../sinks/parquet/names.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { contentOf, tableOf } from '../support/rows.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }
const DAY = 'audit_events/event_date=2026-10-01'

describe('a file that no load has written', () => {
  it.each([
    ['audit_events', `${DAY}/planted.parquet`],
    ['audit_events', `${DAY}/events-2.parquet`],
    ['audit_events', `${DAY}/events-000000002.parquet`],
    ['audit_events', `${DAY}/events-00000000.parquet`],
    ['audit_events', `${DAY}/events-0000000a.parquet`],
    ['audit_events', `${DAY}/events-00000002-00000002.parquet`],
    ['audit_events', `${DAY}/events-00000002.parquet.parquet`],
    ['audit_events', `${DAY}/deeper/events-00000001.parquet`],
    ['audit_events', `${DAY}-planted/events-00000001.parquet`],
    ['audit_events', 'audit_events/event_date=yesterday/events-00000001.parquet'],
    ['audit_events', 'audit_events/events-00000001.parquet'],
    ['audit_rejects', 'audit_rejects/part-10.parquet'],
    ['audit_rejects', 'audit_rejects/part-g-00000001.parquet'],
    ['audit_documents', 'audit_documents/part-A-00000001.parquet'],
    ['audit_documents', 'audit_documents/planted.parquet'],
    ['audit_loads', 'audit_loads/2026-10-01.parquet'],
    ['audit_actions', 'audit_actions/more-00000001.parquet'],
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
    await sink.close()
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
      const names = (of: string): string[] => {
        const stem = layout.stem(of)
        return [`${stem}.parquet`, versionName(stem, 7), versionName(stem, 99_999_999), markerName(stem, 0)]
      }
      for (const name of names(part)) expect(partOf(layout, name), name).toBe(part)
      for (const other of ['', '/', `${part}/${part}`, `${part} `, `${part}\n`, '..'])
        for (const name of names(other)) expect(partOf(layout, name), name).toBe(null)
    }
  })
})

describe('a version that no load has written', () => {
  it.each([
    [3, 'does not follow the version before it'],
    [99_999_999, 'does not follow the version before it'],
  ])('beside ours stops loads and questions, and nothing of ours is removed: %s', async (number, says) => {
    const folder = newFolder()
    const sink = await parquetSink(`parquet:${folder}`, never)
    await loadInto(sink, { a: ndjson(EVENT) })
    const ours = join(folder, DAY, 'events-00000001.parquet')
    const planted = versionName(join(folder, DAY, 'events'), number)
    copyFileSync(ours, planted)
    const before = readFileSync(ours)

    const refused = {
      message: expect.stringMatching(new RegExp(`${DAY}/events-\\d+\\.parquet ${says}: no load has put it there$`)),
      advice: expect.stringContaining('remove it'),
    }
    await expect(loadInto(sink, { b: ndjson({ ...EVENT, action: 'b' }) })).rejects.toMatchObject(refused)
    await expect(tableOf(sink, EVENTS.table)).rejects.toMatchObject(refused)
    expect(readFileSync(ours)).toEqual(before)
    expect(existsSync(planted)).toBe(true)
    await sink.close()
  })

  it('with the last number, on a day that has none, stops loads of that day', async () => {
    const folder = newFolder()
    const sink = await parquetSink(`parquet:${folder}`, never)
    await loadInto(sink, { a: ndjson(EVENT) })
    const other = join(folder, 'audit_events/event_date=2026-10-02')
    mkdirSync(other)
    copyFileSync(join(folder, DAY, 'events-00000001.parquet'), join(other, 'events-99999999.parquet'))
    await expect(loadInto(sink, { b: ndjson({ ...EVENT, timestamp: '2026-10-02T00:00:00Z' }) })).rejects.toThrow(
      /event_date=2026-10-02\/events-99999999\.parquet has the last number that there is: no load has put it there$/,
    )
    expect(readdirSync(other)).toEqual(['events-99999999.parquet'])
    await sink.close()
  })
})

it('a note that no load has written repairs no file outside the lake, and is removed', async () => {
  const folder = newFolder()
  const lake = join(folder, 'lake')
  const sink = await parquetSink(`parquet:${lake}`, never)
  await loadInto(sink, { a: ndjson(EVENT) })
  const content = await contentOf(sink)
  mkdirSync(join(folder, 'outside'))
  writeFileSync(join(folder, 'outside', 'events.parquet'), 'theirs')
  writeFileSync(join(folder, 'outside', 'events-00000001.parquet'), 'theirs')
  const stems = ['../outside/events', 'audit_events/event_date=../../outside/events', 'audit_events/', '', '\0', DAY]
  writeFileSync(join(lake, '_replacing', 'planted'), stems.join('\n'))
  await sink.prepare()
  expect(readdirSync(join(lake, '_replacing'))).toEqual([])
  expect(readdirSync(join(folder, 'outside'))).toHaveLength(2)
  expect(await contentOf(sink)).toEqual(content)
  await sink.close()
})

/** One that a load has written. */
function fileOf(folder: string, table: string): string {
  const [file] = readdirSync(join(folder, table), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.parquet'),
  )
  if (file === undefined) throw new Error(`no load has written ${table}`)
  return join(folder, table, file)
}
