import { redshiftSink } from '../../../sinks/redshift/index.js'
import type { Sink } from '../../../src/contract.js'
import { never } from '../../support/load.js'

/** A sink for tests that are written for every warehouse: Redshift reserves two names of our columns, which they leave bare. */
export function openSink(address: string): Sink {
  const sink = redshiftSink(address, { signal: never })
  const quoted = (sql: string): string =>
    sql.replace(/'[^']*'|(?<!["\w])(timestamp|raw)(?!["\w])/g, (found, name) =>
      name === undefined ? found : `"${name}"`,
    )
  return { ...sink, query: (sql) => sink.query(quoted(sql)) }
}
