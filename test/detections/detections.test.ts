/** What each detection finds in events that were made up for it, in DuckDB. */

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DETECTIONS } from '../../schemas/detections/index.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { DUCKDB_SQL } from '../../sinks/shared/duckdb-forms.js'
import { detect } from '../../src/detections/detect.js'
import { loadInto, ndjson, newFolder } from '../support/load.js'
import { deletions, PERIOD, SCENES } from './scenes.js'

const newSink = () => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 0, onWait() {} })
const chosen = (id: string, parameters: object = {}) =>
  DETECTIONS.filter((detection) => detection.id === id).map((detection) => ({ detection, parameters }))
const today = () => ({ from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000) })

describe('a detection', () => {
  it.each(SCENES)('$detection: $name', async ({ detection, events, rejects = [], parameters, found }) => {
    const sink = newSink()
    await loadInto(sink, { a: ndjson(...events, ...rejects) })
    const period = rejects.length === 0 ? PERIOD : today()
    const findings = await detect(sink, chosen(detection, parameters), period)
    expect(findings).toMatchObject(found)
    expect(findings).toHaveLength(found.length)
    for (const { key, what } of findings) {
      expect(key).toMatch(/^[0-9a-f]{64}$/)
      expect(what).toMatch(/^[A-Z0-9][^\n]+\.$/)
    }
    await sink.close()
  })

  it.each(DETECTIONS)('reads no further back than it says: $id', (detection) => {
    const sql = detection.sql(DUCKDB_SQL, PERIOD, {})
    const bounds = [...sql.matchAll(/TIMESTAMPTZ '([^']+)'/g)].map(([, at = '']) => Date.parse(at))
    expect(bounds.length).toBeGreaterThan(1)
    expect(Math.min(...bounds)).toBeGreaterThanOrEqual(PERIOD.from.getTime() - detection.historyDays({}) * 86_400_000)
    expect(detection.historyDays({})).toBeLessThanOrEqual(90)
  })

  it('reports a finding of a day once more when it has grown by ten times, so that a small one hides no large one', async () => {
    const keyOf = async (count: number): Promise<string | undefined> => {
      const sink = newSink()
      await loadInto(sink, { a: ndjson(...deletions(count, 1, { actor_user_id: 2 })) })
      const [finding] = await detect(sink, chosen('deletion_burst'), PERIOD)
      await sink.close()
      return finding?.key
    }
    expect(await keyOf(60)).toMatch(/^[0-9a-f]{64}$/)
    expect(await keyOf(99)).toBe(await keyOf(60))
    expect(await keyOf(600)).not.toBe(await keyOf(60))
  })

  it('has scenes in which it fires, and one in which it does not', () => {
    for (const { id } of DETECTIONS) {
      const counts = SCENES.filter(({ detection }) => detection === id).map(({ found }) => found.length)
      expect([id, counts.some((n) => n > 0), counts.includes(0)]).toEqual([id, true, true])
    }
  })
})
