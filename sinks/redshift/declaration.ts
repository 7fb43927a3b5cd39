import type { SinkDeclaration } from '../shared/declaration.js'
import { OPTIONS } from './options.js'

export const REDSHIFT_DATABASE: SinkDeclaration = {
  title: '[Redshift](docs/redshift.md)',
  form: 'redshift://WORKGROUP/DATABASE',
  begins: /^redshift:/i,
  options: OPTIONS,
  guide: 'docs/redshift.md',
  loads: 'several at once',
  sql: 'Redshift',
  state: 'works against a stand-in; **never yet run against a real Redshift**',
  tested:
    'the official clients, stand-ins for S3 and the Data API on top of PostgreSQL, with faults; SQL parsed by a second parser, by sqlfluff and by sqlglot*',
  remains:
    'snapshots (automated ones 1 day unless changed, manual ones until deleted), recovery points of serverless (24 hours), and deleted rows until VACUUM',
  open: async (address, context) => (await import('./index.js')).redshiftSink(address, context),
}
