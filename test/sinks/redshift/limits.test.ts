/** Rows at the limits of what a column can hold, and names that VARCHAR comparison takes for equal. */

import { expect, it } from 'vitest'
import { redshiftBytes } from '../../../schemas/ddl.js'
import { RECORD_FIELDS, TABLES } from '../../../schemas/tables.js'
import { documentOf, loadInto, ndjson, sourceOf } from '../../support/load.js'
import { eventsOf, rowsOf } from '../../support/rows.js'
import { newSink, standIns } from './support.js'

const on = standIns({ caseInsensitive: true })

const at = (second: number, more: object) => ({
  timestamp: `2026-10-01T12:34:${String(second).padStart(2, '0')}Z`,
  action: 'user:login',
  ...more,
})
const TEXTS = RECORD_FIELDS.filter((field) => field !== 'timestamp' && field !== 'response_code')

it.each([4096, 4097, 65_535, 65_536])(
  'a text of %i bytes in any column blocks nothing, and is kept to the last character',
  async (bytes) => {
    const sink = await newSink(on)
    const text = 'ü'.repeat(Math.floor(bytes / 2)) + 'x'.repeat(bytes % 2)
    const lines = TEXTS.map((field, i) => at(i, { [field]: text }))
    const { sinks } = await loadInto(sink, { a: ndjson(...lines, at(59, {})) })
    expect(sinks).toMatchObject([{ inserted: TEXTS.length + 1, rejected: 0 }])
    const rows = await eventsOf(sink)
    for (const [i, field] of TEXTS.entries()) {
      const row = rows[i] ?? {}
      const fits = bytes <= redshiftBytes(field)
      expect(row[field] === text, field).toBe(fits)
      expect(Buffer.byteLength(String(row[field] ?? ''))).toBeLessThanOrEqual(redshiftBytes(field))
      if (!fits) expect(await exactOf(sink, JSON.parse(String(row.extra)), field), field).toBe(text)
    }
    await sink.close()
  },
)

/** The text below `_exact`, or in audit_parts where the extra is long. */
async function exactOf(
  sink: Parameters<typeof rowsOf>[0],
  extra: Record<string, unknown>,
  field: string,
): Promise<unknown> {
  const { _exact: exact, _exact_parts: id } = extra as { _exact?: Record<string, string>; _exact_parts?: string }
  if (id === undefined) return exact?.[field] === undefined ? extra[field] : JSON.parse(exact[field])
  const parts = await rowsOf(sink, `SELECT text FROM audit_parts WHERE id = '${id}' ORDER BY part`)
  return JSON.parse(parts.map(({ text }) => text).join(''))[field]
}

it('every column has a length that its values can have', () => {
  const lengths = TABLES.flatMap(({ columns }) =>
    columns.filter(({ type }) => type === 'text').map(({ name }) => redshiftBytes(name)),
  )
  expect(new Set(lengths)).toEqual(new Set([64, 256, 4096, 8192, 65_535]))
})

it('documents and sources that differ in trailing blanks or in case alone have receipts of their own', async () => {
  const sink = await newSink(on)
  const names = ['a', 'a ', 'A', 'a\\', "it's"]
  const documents = names.map((name, i) => documentOf(name, ndjson(at(i, {})), `version ${i}`))
  await loadInto(sink, documents)
  const others = [documentOf('a', ndjson(at(0, {})), 'of another source')]
  await loadInto(sink, { sources: [sourceOf(others, 'TEST\\')] })
  expect([...(await sink.receipts('test'))].sort()).toEqual(names.map((name, i) => [name, `version ${i}`]).sort())
  expect([...(await sink.receipts('TEST\\'))]).toEqual([['a', 'of another source']])
  await sink.close()
})

it('names and keys that differ in case alone contradict each other, or stand beside each other', async () => {
  const sink = await newSink(on)
  await loadInto(sink, { a: ndjson(at(1, { project_name: 'one', key: 1, text: 'x' })) })
  await loadInto(sink, { b: ndjson(at(1, { project_name: 'ONE', KEY: 2, text: 'X' })) })
  const [row] = await eventsOf(sink)
  expect(row).toMatchObject({ project_name: 'one' })
  expect(JSON.parse(String(row?.extra))).toEqual({ key: 1, KEY: 2, text: 'x' })
  const conflicts = await rowsOf(sink, 'SELECT column_name FROM audit_conflicts ORDER BY column_name')
  expect(conflicts).toEqual([{ column_name: 'extra' }, { column_name: 'project_name' }])
  await sink.close()
})
