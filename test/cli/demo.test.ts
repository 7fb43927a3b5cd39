import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { newFolder, run, start, valueIn, widerThanOurs } from './support.js'

/** Of the incident. */
const REFUSED = 12

it('the demo loads the same days from files and from the API, then both again, answers, stays up, and is for its owner alone', async () => {
  const cwd = newFolder()
  const ours = process.umask(0)
  const { child, result, written } = start(['demo', '--folder', 'here', '--keep-running'], { cwd })
  process.umask(ours)
  await written(/keeps running until Ctrl-C[\s\S]*--from http:\/\/127\.0\.0\.1:\d+ --to duckdb:try\.duckdb\n/)
  child.kill('SIGINT')
  const { code, stdout, stderr } = await result
  expect(code).toBe(0)
  expect(stderr).not.toContain('ERROR')

  const loads = [...stdout.matchAll(/read (\d+) = (\d+) inserted \+ (\d+) enriched \+ (\d+) unchanged \+ (\d+) rej/g)]
  const [files, api, again] = loads.map((match) => {
    const [read, inserted, enriched, unchanged, rejected] = match.slice(1).map(Number)
    return { read, inserted, enriched, unchanged, rejected }
  })
  expect(loads).toHaveLength(3)
  expect(files?.inserted).toBeGreaterThan(0)
  expect(files?.rejected).toBeGreaterThan(0)
  // The refused log-ins of the incident name nobody.
  expect(api?.enriched).toBe(Number(files?.inserted) - REFUSED)
  // Today goes on while the demo runs: nothing else may be new.
  expect(again?.inserted).toBeLessThan(20)
  expect(again).toMatchObject({ enriched: 0, rejected: 0 })

  expect(widerThanOurs(join(cwd, 'here'))).toEqual([])
  const path = join(cwd, 'here/audit.duckdb')
  expect(await valueIn(path, 'SELECT count(*) - count(actor_email) FROM audit_events')).toBe(BigInt(REFUSED))
  expect(await valueIn(path, 'SELECT count(DISTINCT action) FROM audit_events')).toBe(30n)
  expect(stdout.match(/\(\d+ rows?\)/g)).toHaveLength(5)
  for (const id of ['login_after_refusals', 'key_after_suspicious_login', 'heavy_artifact_reads'])
    expect(stdout.match(new RegExp(`high .* ${id} .*(?:frances|203)`, 'g'))).toHaveLength(1)
  expect(stdout).not.toContain('(0 rows)')
})

it('the demo overwrites nothing that no demo made', async () => {
  const cwd = newFolder()
  mkdirSync(join(cwd, 'real'))
  for (const path of ['audit.duckdb', 'real/audit.duckdb']) writeFileSync(join(cwd, path), 'evidence')
  symlinkSync('real', join(cwd, 'link'))
  for (const folder of ['.', 'real', 'link']) {
    const { code, stderr } = await run(['demo', '--folder', folder], { cwd })
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--folder') })
  }
  for (const path of ['audit.duckdb', 'real/audit.duckdb'])
    expect(readFileSync(join(cwd, path), 'utf8')).toBe('evidence')
})
