/** Whatever documents hold, and in whatever order and parts a sink got them: nothing is found where nobody changed anything. */

import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import type { Sink } from '../../src/contract.js'
import { verifier } from '../conformance/verifying.js'
import { newPlace } from '../sinks/bigquery/support.js'
import { newSink, standIns } from '../sinks/redshift/support.js'
import { documentOf, loadInto, newFolder, sourceOf } from '../support/load.js'
import { documents, type Made } from '../support/model.js'

const on = standIns()

const SINKS: readonly (readonly [string, number, () => Promise<Sink>])[] = [
  ['DuckDB', 8, async () => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 0, onWait() {} })],
  ['BigQuery', 3, async () => (await newPlace()).open()],
  ['Redshift', 3, () => newSink(on)],
]

/** Documents of which some name other people, and some have another value in extra. */
const contradicting = fc
  .tuple(documents, fc.array(fc.constantFrom('', 'mail', 'extra'), { minLength: 4, maxLength: 4 }))
  .map(([made, ways]) =>
    made.map(({ id, lines }, i) => ({
      id,
      lines: lines.map((line) => {
        if (ways[i] === 'mail') return line.replace('@example.com', '@example.org')
        return ways[i] === 'extra' ? line.replace('[0.10, ', '[1e2, {"k": 1, "a": "\\u00fc"}, ') : line
      }),
    })),
  )

const asDocument = ({ id, lines }: Made) => documentOf(id, lines.map((line) => `${line}\n`).join(''))

it.each(SINKS)(
  'finds nothing in %s, in any order of documents',
  async (_name, numRuns, open) => {
    await fc.assert(
      fc.asyncProperty(
        contradicting.chain((made) =>
          fc.tuple(fc.constant(made), fc.shuffledSubarray([...made.keys()], { minLength: made.length }), fc.nat()),
        ),
        async ([made, order, cut]) => {
          const sink = await open()
          const loaded = order.map((i) => asDocument(made[i] as Made))
          const at = cut % (loaded.length + 1)
          for (const part of [loaded.slice(0, at), loaded.slice(at)]) await loadInto(sink, part)
          const findingsOf = await verifier([[sourceOf(made.map(asDocument))]])
          for (const deep of [false, true]) expect(await findingsOf(sink, deep)).toEqual([])
          await sink.close()
        },
      ),
      { numRuns, seed: 20 },
    )
  },
  600_000,
)
