/** What is found depends on the events alone; and ordinary days of the demo alarm nobody. */

import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DETECTIONS } from '../../schemas/detections/index.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { detect } from '../../src/detections/detect.js'
import { documentOf, loadInto, ndjson, newFolder } from '../support/load.js'
import { attacks, quietDays } from './attacks.js'
import { NOW, PERIOD } from './scenes.js'

const newSink = () => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 0, onWait() {} })
const ALL = DETECTIONS.map((detection) => ({ detection }))

const LINES = Object.values(attacks(1200)).flatMap(({ events }) => events)
/** Three documents, some lines in two of them, none in order. */
const DOCUMENTS = [0, 1, 2].map((part) =>
  documentOf(`${part}`, ndjson(...LINES.filter((_, n) => n % 3 === part || n % 10 === part).toReversed())),
)

it('loads in any order, and repeated ones, give the same findings', async () => {
  const results = []
  for (const order of [
    [0, 1, 2],
    [2, 0, 1, 2],
  ]) {
    const sink = newSink()
    for (const n of order) await loadInto(sink, DOCUMENTS.slice(n, n + 1))
    results.push(await detect(sink, ALL, PERIOD))
    await sink.close()
  }
  expect(results[0]?.length).toBeGreaterThan(10)
  for (const result of results) expect(result).toEqual(results[0])
})

it('names that arrive later change no key of a finding', async () => {
  const sink = newSink()
  const bare = LINES.map(({ actor_email: _, user_email: __, entity_name: ___, ...event }) => event)
  const keys = async () => (await detect(sink, ALL, PERIOD)).map(({ key }) => key)
  await loadInto(sink, { bucket: ndjson(...bare) })
  const before = await keys()
  await loadInto(sink, { api: ndjson(...LINES) })
  expect(await keys()).toEqual(before)
  await sink.close()
})

it('thirty days of the demo have no finding of high severity', async () => {
  const sink = newSink()
  await loadInto(sink, { a: ndjson(...quietDays(NOW, 30, 1000)) })
  const findings = await detect(sink, ALL, { from: new Date(NOW - 29 * 86_400_000), to: new Date(NOW) })
  expect(findings.length).toBeGreaterThan(0)
  expect(findings.filter(({ severity }) => severity === 'high')).toEqual([])
  await sink.close()
})
