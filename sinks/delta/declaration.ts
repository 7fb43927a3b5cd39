import type { SinkDeclaration } from '../shared/declaration.js'
import { OPTIONS } from './options.js'

const open: SinkDeclaration['open'] = async (address, { signal, onNotice }) =>
  (await import('./index.js')).deltaSink(address, signal, onNotice)

const LOG = 'replaced files, for at least 7 days, until a load or a VACUUM removes them'

export const DELTA_FOLDER: SinkDeclaration = {
  title: '[Delta Lake](docs/delta.md) in a folder, for Spark, Polars, DuckDB',
  form: 'delta:FOLDER',
  begins: /^delta:/,
  options: OPTIONS,
  guide: 'docs/delta.md',
  loads: 'several at once',
  sql: 'DuckDB',
  state: 'works; new',
  tested:
    'the sink suite; a store that fails at each change of a load; tables that other programs wrote to; processes killed; delta-rs, Spark, Polars and ClickHouse find every row; delta-rs and Spark compact between loads*',
  remains: `${LOG}; snapshots and backups of the folder`,
  open,
}

export const DELTA_BUCKET: SinkDeclaration = {
  title: '[Delta Lake](docs/delta.md) in a bucket, for Databricks, Fabric, Athena, Trino',
  form: 'delta+s3://BUCKET/PREFIX (or +gs, +az)',
  begins: /^delta\+/,
  // Beside those of the store.
  options: OPTIONS,
  guide: 'docs/delta.md',
  loads: 'several at once',
  sql: 'DuckDB',
  state: 'works against stand-ins; **never yet run against the real services**',
  tested:
    'part of the sink suite over the stand-in for S3; two loads at once and checkpoints over those for Google Cloud Storage and Azure',
  remains: `${LOG}; earlier versions and soft-deleted objects, for as long as the bucket keeps them (Google Cloud Storage: 7 days unless changed)`,
  open,
}
