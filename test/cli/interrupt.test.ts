import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { madeDay } from '../../src/demo/made-logs.js'
import { holdFile, letGo } from '../support/hold.js'
import { contentsOf, inDatabase, ndjson, newFolder, runProgram, spoolsOf, start, summaryOf } from './support.js'

const DAY = Date.UTC(2026, 9, 1)

/** Lines with honest repeats in them, and a bad one each thousand. */
function madeLines(count: number): string {
  const lines: unknown[] = []
  for (const event of madeDay(1, DAY, count)) lines.push(lines.length % 1000 === 7 ? '{"action":"user:login"}' : event)
  return ndjson(...lines)
}

describe('Ctrl-C', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '(%s) while a document arrives leaves nothing behind',
    async (signal) => {
      const cwd = newFolder()
      const path = join(cwd, 'audit.duckdb')
      await summaryOf(['load', '--from', '-'], { cwd, stdin: madeLines(100) })
      const before = await contentsOf(path)
      const { child, result } = start(['load', '--from', '-'], { cwd })
      // More than any pipe holds: when it is taken, the run is in the middle of landing it.
      await new Promise((resolve) => child.stdin?.write(madeLines(5000), resolve))
      expect(spoolsOf(cwd)).toHaveLength(1)
      child.kill(signal)
      const { code, stdout, stderr } = await result
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
      expect(stderr).toContain('interrupted')
      expect(spoolsOf(cwd)).toEqual([])
      expect(await contentsOf(path)).toEqual(before)
    },
  )

  it('ends the waiting for a file that another process holds', async () => {
    const cwd = newFolder()
    const path = join(cwd, 'audit.duckdb')
    writeFileSync(join(cwd, 'a.ndjson'), madeLines(10))
    const holder = await holdFile(path, 'CREATE TABLE theirs (i INTEGER)')
    const { child, result, written } = start(['load', '--from', 'a.ndjson'], { cwd })
    await written(/waiting for the DuckDB file/)
    child.kill('SIGINT')
    expect((await result).code).toBe(130)
    await letGo(holder)
    expect(await inDatabase(path, 'SELECT table_name FROM duckdb_tables()')).toEqual([['theirs']])
    expect(spoolsOf(cwd)).toEqual([])
  })

  it('a second time ends at once', async () => {
    const cwd = newFolder()
    const { child, result, written } = start(['load', '--from', '-'], { cwd })
    await new Promise((resolve) => child.stdin?.write(madeLines(5000), resolve))
    child.kill('SIGINT')
    await written(/interrupt again to stop at once/)
    child.kill('SIGINT')
    // The first one may have been quicker.
    expect([130, 'SIGINT']).toContain((await result).code ?? child.signalCode)
    expect(spoolsOf(cwd)).toEqual([])
  })
})

it('a load beside another one of overlapping files ends in the same tables', async () => {
  const cwd = newFolder()
  const lines = madeLines(20_000).split('\n').slice(0, -1)
  writeFileSync(join(cwd, 'a.ndjson'), ndjson(...lines.slice(0, 14_000)))
  writeFileSync(join(cwd, 'b.ndjson'), ndjson(...lines.slice(6000)))
  const into = (sink: string, file: string) =>
    summaryOf(['load', '--from', file, '--to', `duckdb:${sink}.duckdb`], { cwd }, runProgram)
  await into('after', 'a.ndjson')
  await into('after', 'b.ndjson')
  await Promise.all([into('beside', 'a.ndjson'), into('beside', 'b.ndjson')])
  expect(await contentsOf(join(cwd, 'beside.duckdb'))).toEqual(await contentsOf(join(cwd, 'after.duckdb')))
})
