/** Loads that are killed: whenever that is, the next run ends in the tables of one that nobody disturbed. */

import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { openSink } from '../../sinks/index.js'
import { madeDay, withoutNames } from '../../src/demo/made-logs.js'
import { never } from '../support/load.js'
import { contentOf, rowsOf } from '../support/rows.js'
import { inCheckout, ndjson, newFolder, runProgram, spoolsOf, start, summaryOf } from './support.js'

const HOOK = { NODE_OPTIONS: `--import=${pathToFileURL(inCheckout('test/support/kill-at.mjs'))}` }
const BAD = '{"action":"user:login"}'

const day = (number: number) => [...madeDay(1, Date.UTC(2026, 9, number), 1500)]
/** One day is there already, without its names. */
const BEFORE = ndjson(...day(1).map(withoutNames), BAD)
const LOGS = ndjson(...day(1), ...day(2), ...day(3), ...day(3).slice(0, 50), BAD, BAD)

/** All that lasts, without what tells of the loads. */
async function lasting(cwd: string, to: string) {
  const [scheme, path] = to.split(':')
  const sink = await openSink(`${scheme}:${join(cwd, path ?? '')}`, { waitMs: 1000, signal: never, onNotice() {} })
  const receipts = await rowsOf(sink, 'SELECT document, rows_read, rejected FROM audit_documents ORDER BY document')
  const content = { ...(await contentOf(sink)), receipts }
  await sink.close()
  return content
}

/** The system remembers a killed process for a moment, and the next run would take it for a running one. */
async function forgotten(cwd: string): Promise<void> {
  const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`)
  while (spoolsOf(cwd).some((name) => isThere(Number(name.split('-').at(-2))))) await new Promise(setImmediate)
}

/** Whole numbers from 1 to `last`, `count` of them at most, in even distances; the last one among them. */
const spread = (last: number, count: number): number[] =>
  Array.from({ length: Math.min(last, count) }, (_, i) => Math.round(((i + 1) * last) / Math.min(last, count)))

it.each([
  ['a DuckDB file', (name: string) => `duckdb:${name}.duckdb`],
  ['a lake', (name: string) => `parquet:${name}`],
  ['a Delta lake', (name: string) => `delta:${name}`],
])('%s has the same rows after a load that was killed at any step', { timeout: 600_000 }, async (_sink, address) => {
  const cwd = newFolder()
  const pathOf = (name: string): string => join(cwd, address(name).replace(/^\w+:/, ''))
  const load = (name: string): string[] => ['load', '--from', 'logs.ndjson', '--to', address(name)]
  writeFileSync(join(cwd, 'before.ndjson'), BEFORE)
  writeFileSync(join(cwd, 'logs.ndjson'), LOGS)
  await summaryOf(['load', '--from', 'before.ndjson', '--to', address('before')], { cwd })
  const copyTo = (name: string): void =>
    cpSync(pathOf('before'), pathOf(name), { recursive: true, verbatimSymlinks: true })

  copyTo('undisturbed')
  const { code, stderr } = await runProgram(load('undisturbed'), { cwd, env: HOOK })
  expect(code).toBe(0)
  const undisturbed = await lasting(cwd, address('undisturbed'))
  const steps = Number(/steps: (\d+)/.exec(stderr)?.[1])
  expect(steps).toBeGreaterThan(8)

  for (const step of spread(steps, 8)) {
    for (const moment of [`${step}`, `${step}+`]) {
      copyTo(moment)
      const { child, result } = start(load(moment), { cwd, env: { ...HOOK, KILL_AT: moment } })
      child.stdin?.end()
      expect((await result).code, moment).toBe(null)
      await forgotten(cwd)
      await summaryOf(load(moment), { cwd })
      expect(await lasting(cwd, address(moment)), moment).toEqual(undisturbed)
      expect(spoolsOf(cwd), moment).toEqual([])
    }
  }
})
