import { expect, it } from 'vitest'
import { PIECE_BYTES } from '../../src/transform/raw.js'
import { sha256 } from '../support/exact.js'
import { batchOf, documentOf, newEngine } from '../support/load.js'

/** Bytes that are no UTF-8, of a length that base64 has to fill up. */
const BINARY = Buffer.concat([Buffer.alloc(40_000, 0x78), Buffer.from([0xff, 0xfe])])

const LINES: Readonly<Record<string, string>> = {
  short: 'hello',
  'of one piece': 'x'.repeat(PIECE_BYTES),
  'of a byte more': 'x'.repeat(PIECE_BYTES + 1),
  'of four bytes a character': `x${'💡'.repeat(20_000)}`,
  'of 17 MiB': `{"x":"${'é'.repeat(17 << 19)}"}`,
}

it('a rejected line of any length is kept whole, in pieces, under the id of all of it and its repeat', async () => {
  const lines = Object.values(LINES)
  const twice = [...lines, ...lines].map((line) => Buffer.from(`${line}\r\n`))
  const documents = ['first', 'second'].map((id) => documentOf(id, Buffer.concat([...twice, BINARY])))
  const engine = await newEngine()
  await batchOf(engine, documents)
  const rows = await engine.rows(`
    SELECT source_document AS document, source_line AS line, reject_id AS id, strlen(raw) AS bytes, sha256(whole) AS sha256
    FROM rejects JOIN (
      SELECT reject_id, string_agg(raw, '' ORDER BY piece) AS whole
      FROM (SELECT reject_id, 1 AS piece, raw FROM rejects UNION ALL FROM reject_pieces) GROUP BY reject_id
    ) USING (reject_id)
    ORDER BY ALL`)
  const expected = documents.flatMap(({ id }) =>
    [...lines, ...lines, BINARY.toString('base64')].map((raw, i) => ({
      document: id,
      line: BigInt(i + 1),
      id: sha256(
        `${id.length}:${id},${Buffer.byteLength(raw)}:${raw}#${i >= lines.length && i < 2 * lines.length ? 1 : 0}`,
      ),
      sha256: sha256(raw),
    })),
  )
  expect(rows.map(({ bytes, ...row }) => row)).toEqual(expected)
  for (const { bytes } of rows) expect(Number(bytes)).toBeLessThanOrEqual(PIECE_BYTES)
})
