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
  state: 'works against a stand-in; **never yet run against a real one**',
  tested:
    'the official clients, stand-ins of S3 and the Data API over PostgreSQL, with faults; SQL read by another parser, by sqlfluff and by sqlglot*',
  open: async (address, context) => (await import('./index.js')).redshiftSink(address, context),
}
