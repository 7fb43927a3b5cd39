/** Parquet files of a few kilobytes that unpack to hundreds of megabytes. */

import { expect, it } from 'vitest'
import { COLUMNS, landExport, parquet } from './exported.js'
import { failure } from './support.js'

it('is refused when a page of it unpacks to hundreds of megabytes', async () => {
  const file = await parquet(`SELECT ${COLUMNS}, repeat('x', 300_000_000) AS cli_version`, ', COMPRESSION zstd')
  expect(file.length).toBeLessThan(1e6)
  expect((await failure(landExport(file))).message).toMatch(/needs more than 256MB to be read; none of it was loaded/)
})

it('is refused when it repeats a value of its dictionary for ever', async () => {
  const file = await parquet(`SELECT ${COLUMNS}, repeat('x', 6_000) AS cli_version FROM range(50_000)`)
  expect(file.length).toBeLessThan(1e6)
  expect((await failure(landExport(file))).message).toMatch(/unpacks to more than 200 times its size/)
})
