/** The same findings in every warehouse: ten attacks amid ordinary days, and names that mean something to SQL. */

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DETECTIONS } from '../../schemas/detections/index.js'
import { deltaSink } from '../../sinks/delta/index.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { parquetSink } from '../../sinks/parquet/index.js'
import { redshiftSink } from '../../sinks/redshift/index.js'
import type { Sink } from '../../src/contract.js'
import { detect, type Finding } from '../../src/detections/detect.js'
import { newPlace } from '../sinks/bigquery/support.js'
import { addressOf, newSchema, standIns } from '../sinks/redshift/support.js'
import { documentOf, loadInto, ndjson, never, newFolder, sourceOf } from '../support/load.js'
import { rowsOf } from '../support/rows.js'
import { attacks, HOSTILE, quietDays } from './attacks.js'
import { ago, NOW, PERIOD, SCENES } from './scenes.js'

const on = standIns()
/** Fewer reads than by default, because some stand-ins are slow. */
const ALL = DETECTIONS.map((detection) => ({
  detection,
  parameters: detection.id === 'heavy_artifact_reads' ? { reads: 100 } : {},
}))

const WAREHOUSES: Readonly<Record<string, () => Promise<Sink>>> = {
  DuckDB: async () => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 0, onWait() {} }),
  'a lake': () => parquetSink(`parquet:${join(newFolder(), 'lake')}`, never),
  'Delta Lake': () => deltaSink(`delta:${join(newFolder(), 'lake')}`, never),
  BigQuery: async () => (await newPlace()).open(),
  Redshift: async () => redshiftSink(addressOf(on, newSchema()), { signal: never }),
}

const ATTACKS = Object.entries(attacks(150))

/** A source that has stopped, beside one with everything else. */
const SILENT = Array.from({ length: 60 }, (_, n) =>
  ago({ seconds: (30 + n) * 3600 }, 'project:read', { actor_user_id: 9900 }),
)

async function fill(sink: Sink): Promise<void> {
  const scenes = SCENES.filter(({ found, events }) => found.length > 0 && events.length < 1000).flatMap(
    ({ events, rejects = [] }) => [...events, ...rejects],
  )
  const lines = [...quietDays(NOW, 45, 40), ...ATTACKS.flatMap(([, { events }]) => events), ...scenes]
  const sources = [
    sourceOf([documentOf('a', ndjson(...lines))], 'https://one.example.com'),
    sourceOf([documentOf('b', ndjson(...SILENT))], 'https://two.example.com'),
  ]
  await loadInto(sink, { sources })
}

const today = () => ({ from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000) })

async function findingsIn(sink: Sink): Promise<readonly Finding[]> {
  const events = await detect(sink, ALL, PERIOD)
  const rejects = await detect(
    sink,
    ALL.filter(({ detection }) => detection.id === 'rejects_rising'),
    today(),
  )
  // Their time is that of the load.
  return [...events, ...rejects.map((finding) => ({ ...finding, at: '', until: '', key: '' }))]
}

/** More than one statement takes. */
async function remembersOnce(sink: Sink): Promise<void> {
  const rows = Array.from({ length: 300 }, (_, n) => ({
    finding_key: n.toString(16).padStart(64, '0'),
    detection: 'new_network',
    severity: 'low',
    started_at: new Date(NOW),
  }))
  await sink.report?.(rows.slice(0, 2))
  await sink.report?.(rows)
  const keysSince = async (at: number) =>
    (await rowsOf(sink, sink.questions.reported?.(new Date(at)) ?? '')).map(({ finding_key: key }) => key)
  expect((await keysSince(NOW)).sort()).toEqual(rows.map(({ finding_key: key }) => key))
  expect(await keysSince(NOW + 1000)).toEqual([])
}

let expected: readonly Finding[] | undefined

describe.each(Object.entries(WAREHOUSES))('%s', (_name, open) => {
  it('finds ten attacks and each detection’s own scenes, as every other warehouse does', async () => {
    const sink = await open()
    await fill(sink)
    const findings = await findingsIn(sink)
    await remembersOnce(sink)
    await sink.close()
    expect(new Set(findings.map(({ detection }) => detection))).toEqual(new Set(DETECTIONS.map(({ id }) => id)))
    expect(findings).toContainEqual(
      expect.objectContaining({ detection: 'silent_source', subject: 'https://two.example.com' }),
    )
    for (const [attack, { detections, events }] of ATTACKS) {
      const actors = new Set(events.map(({ actor_user_id: id }) => String(id)))
      const addresses = new Set(events.map(({ actor_ip: address }) => String(address)))
      const actions = new Set(events.map(({ action }) => action))
      for (const detection of detections) {
        const found = findings.some(
          (finding) =>
            finding.detection === detection &&
            (actors.has(String(finding.actor)) ||
              addresses.has(String(finding.address)) ||
              actions.has(String(finding.subject))),
        )
        expect([attack, detection, found]).toEqual([attack, detection, true])
      }
    }
    const named = findings.filter(({ actor_email, entity, subject }) =>
      [actor_email, entity, subject].some((value) => value?.includes(HOSTILE)),
    )
    expect(named.map(({ detection }) => detection).sort()).toEqual([
      'deletion_burst',
      'service_account_created',
      'undocumented',
      'undocumented',
    ])
    expected ??= findings
    expect(findings).toEqual(expected)
  }, 300_000)
})
