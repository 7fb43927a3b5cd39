import type { SinkDeclaration } from '../shared/declaration.js'
import { OPTIONS } from './options.js'

export const BIGQUERY_DATASET: SinkDeclaration = {
  title: '[BigQuery](docs/bigquery.md)',
  form: 'bigquery://PROJECT/DATASET',
  begins: /^bigquery:/i,
  options: OPTIONS,
  guide: 'docs/bigquery.md',
  loads: 'several at once',
  sql: 'GoogleSQL',
  state: 'works against a stand-in; **never yet run against a real BigQuery**',
  tested:
    "the official client and the stand-in: faults after every request, two concurrent loads; every statement resolved by Google's own SQL analyzer; tables, views and questions in bqemulator*",
  remains:
    'time travel (7 days unless the dataset says otherwise) and the fail-safe after it (7 days); snapshots, clones and copies of the tables',
  open: async (address, context) => (await import('./index.js')).bigquerySink(address, context),
}
