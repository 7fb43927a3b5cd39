import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { withIdentityText } from '../../src/transform/identity.js'
import { contentHash, type ExactRecord, exact, hashText } from '../support/exact.js'
import { loadInto, newFolder } from '../support/load.js'
import { rowsOf } from '../support/rows.js'

interface Vector {
  readonly document: readonly string[]
  readonly text: string
  readonly hashes: readonly string[]
}

const VECTORS: readonly Vector[] = JSON.parse(readFileSync('fixtures/hash-vectors.json', 'utf8'))

describe.each(VECTORS)('the hash over $text', ({ document, text, hashes }) => {
  it('is what the vectors state, in the reference', () => {
    const record = exact(document[0] ?? '') as ExactRecord
    expect(hashText(record)).toBe(text)
    expect(hashes.map((_, repeat) => contentHash(record, repeat))).toEqual(hashes)
  })

  it('is what the vectors state, in the loaded rows and recomputed from them', async () => {
    const sink = duckdbSink(`${newFolder()}/audit.duckdb`, { waitMs: 1000, onWait() {} })
    await loadInto(sink, { document: document.join('\n') })
    const rows = await rowsOf(
      sink,
      `SELECT content_hash, identity AS text FROM (${withIdentityText('audit_events')}) ORDER BY source_line`,
    )
    expect(rows).toEqual(hashes.map((hash) => ({ content_hash: hash, text })))
  })
})
