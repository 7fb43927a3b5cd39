import { redshiftSink } from '../../../sinks/redshift/index.js'
import { sinkConformance } from '../../conformance/sinks.js'
import { never } from '../../support/load.js'
import { addressOf, newSchema, standIns } from './support.js'

const on = standIns()

sinkConformance('Redshift', async () => {
  const schema = newSchema()
  return {
    open: async () => redshiftSink(addressOf(on, schema), { signal: never }),
    dropColumn: async (table, column) => {
      await on.redshift.execute(`ALTER TABLE ${schema}.${table} DROP COLUMN ${column}`)
    },
    rawOf: (line) => Buffer.from(line).toString('base64'),
  }
})
