import { sinkConformance } from '../../conformance/sinks.js'
import { openSink } from './open.js'
import { addressOf, newSchema, standIns } from './support.js'

const on = standIns()

// The client of the stand-in's PostgreSQL drops a byte order mark.
const MARK = ''

sinkConformance(
  'Redshift',
  async () => {
    const schema = newSchema()
    return {
      open: async () => openSink(addressOf(on, schema)),
      dropColumn: async (table, column) => {
        await on.redshift.execute(`ALTER TABLE ${schema}.${table} DROP COLUMN ${column}`)
      },
      rawOf: (line) => Buffer.from(line).toString('base64'),
    }
  },
  MARK,
)
