import { join } from 'node:path'
import { deltaSink } from '../../sinks/delta/index.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import { parquetSink } from '../../sinks/parquet/index.js'
import type { Sink } from '../../src/contract.js'
import { reportAnswers } from '../conformance/report.js'
import { newPlace } from '../sinks/bigquery/support.js'
import { newSink, standIns } from '../sinks/redshift/support.js'
import { never, newFolder } from '../support/load.js'

const on = standIns()

const prepared = async (sink: Sink): Promise<Sink> => {
  await sink.prepare()
  return sink
}

reportAnswers('DuckDB', () => prepared(duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 0, onWait() {} })))
reportAnswers('Parquet', async () => prepared(await parquetSink(`parquet:${join(newFolder(), 'lake')}`, never)))
reportAnswers('Delta Lake', async () => prepared(await deltaSink(`delta:${join(newFolder(), 'lake')}`, never)))
reportAnswers('BigQuery', async () => prepared((await newPlace()).open()))
reportAnswers('BigQuery with a required partition filter', async () =>
  prepared((await newPlace()).open('require_partition_filter=true')),
)
reportAnswers('Redshift', () => newSink(on))
