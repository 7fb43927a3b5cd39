import type { SinkDeclaration } from '../shared/declaration.js'

const open: SinkDeclaration['open'] = async (address, { signal }) =>
  (await import('./index.js')).deltaSink(address, signal)

const LOG = 'files that were replaced, until a VACUUM of your engine removes them'

export const DELTA_FOLDER: SinkDeclaration = {
  title: '[Delta Lake](docs/delta.md) in a folder, for Spark, Polars, DuckDB',
  form: 'delta:FOLDER',
  begins: /^delta:/,
  options: {},
  loads: 'several at once',
  sql: 'DuckDB',
  state: 'works; new',
  tested:
    'the sink suite; every write failing once, before and after it took effect; delta-rs and Polars find every row and type*',
  remains: `${LOG}; snapshots and backups of the folder`,
  open,
}

export const DELTA_BUCKET: SinkDeclaration = {
  title: '[Delta Lake](docs/delta.md) in a bucket, for Databricks, Fabric, Athena, Trino',
  form: 'delta+s3://BUCKET/PREFIX (or +gs, +az)',
  begins: /^delta\+/,
  // Those of the store.
  options: {},
  loads: 'several at once',
  sql: 'DuckDB',
  state: 'works against stand-ins; **never yet run against the real services**',
  tested: 'the sink suite over the stand-ins for S3 and Google Cloud Storage, and Azurite',
  remains: `${LOG}; earlier versions and soft-deleted objects, for as long as the bucket keeps them (Google Cloud Storage: 7 days unless changed)`,
  open,
}
