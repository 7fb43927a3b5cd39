/** Engines and sinks that fail on lines with a certain text in them. */

import { readFileSync } from 'node:fs'
import type { Sink } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import type { Engine } from '../../src/transform/engine.js'
import { newEngine } from './load.js'

export const POISON = 'strychnine'

/** Fails on every file with at least `dose` poisonous lines; counts the statements that read files. */
export async function poisonedEngine(dose = 1): Promise<{ readonly engine: Engine; readonly readings: () => number }> {
  const engine = await newEngine()
  const run = engine.run.bind(engine)
  let readings = 0
  engine.run = async (sql) => {
    const [, paths] = /read_ndjson_objects\(\[(.*?)\]/.exec(sql) ?? []
    if (paths !== undefined) {
      readings++
      const texts = paths.split(', ').map((path) => readFileSync(path.slice(1, -1), 'utf8'))
      if (texts.join('').split(POISON).length > dose) throw new AuditError('the engine: poisoned')
    }
    return run(sql)
  }
  return { engine, readings: () => readings }
}

/** Refuses each batch in which an event or a reject has the poison in its text; `loads` tells how often it was asked. */
export function squeamish(sink: Sink, error = new AuditError('the sink: poisoned')): Sink & { loads: () => number } {
  let loads = 0
  return {
    ...sink,
    loads: () => loads,
    async load(batch, signal) {
      loads++
      const found = await batch.engine.runAndReadAll(`
        SELECT (SELECT count(*) FROM ${batch.events.relation} WHERE action LIKE '%${POISON}%')
          + (SELECT count(*) FROM ${batch.rejects.relation} WHERE raw LIKE '%${POISON}%')`)
      if (Number(found.getRows()[0]?.[0]) > 0) throw error
      return sink.load(batch, signal)
    },
  }
}
