import type { SinkDeclaration } from '../shared/declaration.js'

const open: SinkDeclaration['open'] = async (address, { signal }) =>
  (await import('./index.js')).parquetSink(address, signal)

export const PARQUET_FOLDER: SinkDeclaration = {
  title: 'Parquet in a folder, for pandas, Polars, DuckDB',
  form: 'parquet:FOLDER',
  begins: /^parquet:/,
  options: {},
  loads: 'several at once',
  sql: 'DuckDB',
  state: 'works',
  tested:
    'the sink suite; DuckDB and hyparquet reading during ten loads; every write and removal failing once; concurrent loads in 300 random orders of their requests; processes killed; pandas, Polars, DuckDB, DataFusion, ClickHouse and Spark find every row and type*',
  remains: 'snapshots and backups of the folder',
  open,
}

export const PARQUET_BUCKET: SinkDeclaration = {
  title: 'Parquet in a bucket, for Spark and Athena too',
  form: 'parquet+s3://BUCKET/PREFIX (or +gs, +az)',
  begins: /^parquet\+/,
  // Those of the store.
  options: {},
  loads: 'several at once',
  sql: 'DuckDB',
  state: 'works against stand-ins; **never yet run against the real services**',
  tested:
    "the sink suite over the stand-ins for S3 and Google Cloud Storage, and Azurite; concurrent loads into moto's S3*",
  remains:
    'earlier versions and soft-deleted objects, for as long as the bucket keeps them (Google Cloud Storage: 7 days unless changed)',
  open,
}
