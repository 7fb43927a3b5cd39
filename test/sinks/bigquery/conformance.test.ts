import { sinkConformance } from '../../conformance/sinks.js'
import { newPlace } from './support.js'

sinkConformance('BigQuery', async () => {
  const { standIn, open } = await newPlace()
  return { open: async () => open(), dropColumn: (table, column) => standIn.dropColumn('audit', table, column) }
})
