import { join } from 'node:path'
import { expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { withAnswer } from '../../src/verify/held.js'
import { newEngine, newFolder } from '../support/load.js'

const ANSWER = `
  SELECT 7::BIGINT AS "a ""number""", true AS truth, text FROM (VALUES
    ('a' || chr(0) || 'b'), (chr(65279) || 'marked'), (''), (NULL), ('üñ' || chr(128512)), (repeat('x', 100000))) AS rows(text)`
const COLUMNS = ['a "number"', 'truth', 'text']

it('has the same answer of a sink that writes a file, without asking for rows, as of one that passes rows', async () => {
  const place = { engine: await newEngine(), folder: newFolder() }
  const sink = duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 0, onWait() {} })
  await sink.prepare()
  const { queryTo: _, ...passing } = sink
  const rowsless = { ...sink, query: () => Promise.reject(new Error('asked for rows')) }
  const [written, passed] = await Promise.all(
    [rowsless, passing].map((held) =>
      withAnswer(place, held, ANSWER, COLUMNS, (relation) => place.engine.rows(`FROM ${relation} ORDER BY ALL`)),
    ),
  )
  expect(written).toHaveLength(6)
  expect(written?.[0]).toMatchObject({ 'a "number"': '7', truth: 'true' })
  expect(written).toEqual(passed)
})
