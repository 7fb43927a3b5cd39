import { expect, it } from 'vitest'
import { writeParquetFiles } from '../../src/duckdb/parquet.js'
import { newEngine, newFolder } from '../support/load.js'

it('a batch larger than a file becomes several, which together hold each row once; one without rows becomes none', async () => {
  const { connection } = await newEngine()
  const select = 'SELECT range AS n FROM range(300000)'
  const paths = await writeParquetFiles('the test', connection, select, `${newFolder()}/events`, 1)
  expect(paths.length).toBeGreaterThan(1)
  const list = paths.map((path) => `'${path}'`).join(', ')
  const read = await connection.runAndReadAll(`SELECT count(DISTINCT n), count(*) FROM read_parquet([${list}])`)
  expect(read.getRows()).toEqual([[300_000n, 300_000n]])
  expect(await writeParquetFiles('the test', connection, `${select} LIMIT 0`, `${newFolder()}/none`, 1)).toEqual([])
})
