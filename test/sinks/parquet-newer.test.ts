/** Files of a lake with a column that only a newer version knows, although the lake's mark is not newer. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { AUDIT_FINDINGS, TABLES } from '../../schemas/tables.js'
import { parquetSink } from '../../sinks/parquet/index.js'
import { directoryStore } from '../../src/stores/directory.js'
import { addColumn } from '../support/lake.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { contentOf } from '../support/rows.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: 7 }
const NAMED = { ...EVENT, actor_email: 'ada@example.com' }
const RENAMED = { ...EVENT, actor_email: 'ada@example.org' }
const LONG = 'x'.repeat(100_000)

/** Documents that touch the same files of every table, each time with one more event. */
const documents = (more: number): Readonly<Record<string, string>> => ({
  a: ndjson(NAMED, { ...EVENT, actor_user_id: more }, 'no json', LONG),
  b: ndjson(RENAMED, { ...EVENT, project_asset: more }),
})

/** A load writes no findings. */
const LOADED = TABLES.filter((table) => table !== AUDIT_FINDINGS).map(({ name }) => name)

it.each(LOADED)('a lake with a newer column in %s is not loaded into', async (table) => {
  const lake = newFolder()
  const sink = await parquetSink(`parquet:${lake}`, never)
  await loadInto(sink, documents(1))
  await addColumn(directoryStore(lake), `${table}/`, 'hue')
  const files = filesBelow(join(lake, table))
  const [content, receipts] = [await contentOf(sink), await sink.receipts('test')]
  expect(receipts.size).toBe(2)

  const refused = new RegExp(`: ${table} has a column hue, which this version does not know$`)
  await expect(loadInto(sink, documents(2))).rejects.toThrow(refused)
  expect(filesBelow(join(lake, table))).toEqual(files)
  expect(await sink.receipts('test')).toEqual(receipts)
  // The load's own row is written after its events: without receipts they are read again.
  if (table !== 'audit_loads') expect(await contentOf(sink)).toEqual(content)
  await sink.close()
})

it('findings are not added to a lake with a newer column in audit_findings', async () => {
  const lake = newFolder()
  const sink = await parquetSink(`parquet:${lake}`, never)
  await loadInto(sink, documents(1))
  const finding = (key: string) => [
    { finding_key: key, detection: 'new_network', severity: 'low' as const, started_at: new Date(0) },
  ]
  await sink.report?.(finding('c0ffee'))
  await addColumn(directoryStore(lake), 'audit_findings/', 'hue')
  const files = filesBelow(join(lake, 'audit_findings'))
  await expect(sink.report?.(finding('decaf'))).rejects.toThrow(/: audit_findings has a column hue/)
  expect(filesBelow(join(lake, 'audit_findings'))).toEqual(files)
  expect((await loadInto(sink, documents(2))).failed).toEqual([])
  await sink.close()
})

function filesBelow(folder: string): Readonly<Record<string, Buffer>> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.parquet'))
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name))]))
}
