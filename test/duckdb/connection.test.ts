import { existsSync, mkdirSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { describe, expect, it, vi } from 'vitest'
import { withConnection } from '../../src/duckdb/connection.js'
import { newFolder } from '../support/load.js'

const tables = async (connection: DuckDBConnection) =>
  (await connection.runAndReadAll('SELECT table_name FROM duckdb_tables()')).getRows().flat()

describe('withConnection', () => {
  it('shows one use nothing of those before, whether they ended well or not', async () => {
    await withConnection((connection) => connection.run('CREATE TEMP TABLE mine AS SELECT 1'))
    expect(await withConnection(tables)).toEqual([])
    const failed = withConnection(async (connection) => {
      await connection.run("CREATE TABLE left_behind AS SELECT 1; ATTACH ':memory:' AS sink")
      throw new Error('failed')
    })
    await expect(failed).rejects.toThrow('failed')
    expect(await withConnection(tables)).toEqual([])
    await withConnection((connection) => connection.run("ATTACH ':memory:' AS sink; DETACH sink"))
  })

  it('has a folder for what does not fit into memory only while it is used, also after one that needed it', async () => {
    const spillOf = async (connection: DuckDBConnection) => {
      const [[path] = []] = (await connection.runAndReadAll("SELECT current_setting('temp_directory')")).getRows()
      expect(existsSync(dirname(String(path)))).toBe(true)
      return String(path)
    }
    const first = await withConnection(async (connection) => {
      const spill = await spillOf(connection)
      mkdirSync(spill)
      return spill
    })
    const second = await withConnection(spillOf)
    expect(second).not.toBe(first)
    for (const spill of [first, second]) expect(existsSync(dirname(spill))).toBe(false)
  })

  it('gives each of two uses at once a database of its own, in UTC', async () => {
    const use = () =>
      withConnection(async (connection) => {
        await connection.run("ATTACH ':memory:' AS sink; CREATE TABLE sink.once AS SELECT current_setting('TimeZone')")
        const zone = await connection.runAndReadAll('FROM sink.once')
        await connection.run('DETACH sink')
        return zone.getRows().flat()
      })
    expect(await Promise.all([use(), use(), use()])).toEqual([['UTC'], ['UTC'], ['UTC']])
  })

  it('closes every database but one, however many are used at once', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const opened = vi.spyOn(DuckDBInstance, 'create')
    const closed = vi.spyOn(DuckDBInstance.prototype, 'closeSync')
    for (let round = 0; round < 5; round++) await Promise.all([1, 2, 3].map(() => withConnection(tables)))
    // One may have been there before.
    expect(closed.mock.calls.length).toBeGreaterThanOrEqual(opened.mock.calls.length - 1)
    expect(closed.mock.calls.length).toBeLessThanOrEqual(opened.mock.calls.length)
    vi.restoreAllMocks()
  })

  it('reads a file anew that was replaced between two uses, even by one of the same size and time', async () => {
    const path = join(newFolder(), 'a.parquet')
    const write = (value: number) =>
      withConnection(async (connection) => {
        await connection.run(`COPY (SELECT ${value} AS value FROM range(100000)) TO '${path}' (FORMAT parquet)`)
        utimesSync(path, 1, 1)
      })
    const read = () =>
      withConnection(async (connection) =>
        (await connection.runAndReadAll(`SELECT DISTINCT value FROM '${path}'`)).getRows().flat(),
      )
    await write(1)
    expect(await read()).toEqual([1])
    await write(2)
    expect(await read()).toEqual([2])
  })
})
