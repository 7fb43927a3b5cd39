import { layoutIn } from '../../../sinks/shared/layout.js'
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
        // The stand-in binds views to columns, which Redshift does not; the next load makes them again.
        await on.redshift.execute(`ALTER TABLE ${schema}.${table} DROP COLUMN ${column} CASCADE`)
      },
      async layout() {
        const [row] = await on.redshift.execute(`SELECT obj_description('${schema}.audit_events'::regclass)`)
        return layoutIn(String(row?.[0]))
      },
      async setLayout(layout) {
        const comment = layout === null ? 'NULL' : `'Events (wandb-audit, layout ${layout})'`
        await on.redshift.execute(`COMMENT ON TABLE ${schema}.audit_events IS ${comment}`)
      },
      rawOf: (line) => Buffer.from(line).toString('base64'),
    }
  },
  MARK,
)
