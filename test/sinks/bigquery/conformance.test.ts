import { sinkConformance } from '../../conformance/sinks.js'
import { newPlace } from './support.js'

sinkConformance('BigQuery', async () => {
  const { standIn, open } = await newPlace()
  const labels = (): Record<string, string> => {
    const events = standIn.tables('audit').find(({ tableReference }) => tableReference.tableId === 'audit_events')
    return events?.labels ?? {}
  }
  return {
    open: async () => open(),
    dropColumn: (table, column) => standIn.dropColumn('audit', table, column),
    async layout() {
      const { wandb_audit_layout: layout } = labels()
      return layout === undefined ? null : Number(layout)
    },
    async setLayout(layout) {
      if (layout === null) delete labels().wandb_audit_layout
      else labels().wandb_audit_layout = String(layout)
    },
  }
})
