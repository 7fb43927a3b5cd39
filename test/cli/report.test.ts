import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ndjson, newFolder, run, summaryOf } from './support.js'

const cwd = newFolder()
const DAY = new Date().toISOString().slice(0, 10)
const KEY = {
  ...{ timestamp: `${DAY}T00:00:00Z`, action: 'user:create_api_key', actor_user_id: 7, actor_ip: '203.0.113.9' },
  ...{ actor_email: 'ada@example.com', user_asset: 8, user_email: 'eve@example.com' },
}

beforeAll(async () => {
  writeFileSync(join(cwd, 'a.ndjson'), ndjson(KEY, { ...KEY, action: 'team:invite_user', entity_name: 'vision' }))
  for (const to of ['duckdb:audit.duckdb', 'parquet:lake/'])
    await summaryOf(['load', '--from', 'a.ndjson', '--to', to], { cwd })
})

const text = (name = 'report.html'): string => readFileSync(join(cwd, name), 'utf8')

describe('report', () => {
  it('writes one page for its owner alone, and nothing on stdout', async () => {
    const { code, stdout, stderr } = await run(['report'], { cwd })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('the report is in report.html')
    expect(statSync(join(cwd, 'report.html')).mode & 0o777).toBe(0o600)
    expect(text()).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(text()).toContain('ada@example.com')
    expect(text()).toContain('203.0.113.9')
  })

  it('replaces what is there in one step, also a link and a file that everybody may read', async () => {
    writeFileSync(join(cwd, 'old.html'), 'old')
    chmodSync(join(cwd, 'old.html'), 0o644)
    writeFileSync(join(cwd, 'target'), 'untouched')
    symlinkSync('target', join(cwd, 'link.html'))
    for (const output of ['old.html', 'link.html']) {
      expect((await run(['report', '--output', output], { cwd })).code).toBe(0)
      expect(statSync(join(cwd, output)).mode & 0o777).toBe(0o600)
    }
    expect(text('target')).toBe('untouched')
    expect(readdirSync(cwd).filter((name) => /\.html\./.test(name))).toEqual([])
  })

  it('reads a lake, and writes to stdout', async () => {
    const { code, stdout } = await run(['report', '--to', 'parquet:lake/', '--days', '1', '--output', '-'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain('ada@example.com')
  })

  it('with --mask has ids, and no name or address', async () => {
    const { stdout } = await run(['report', '--mask', '--output', '-'], { cwd })
    expect(stdout).toContain('person 1')
    expect(stdout).not.toMatch(/ada@|eve@|203\.0\.113\.9|vision/)
  })

  it('of past days does not have what came later', async () => {
    const { stdout } = await run(['report', '--since', '2026-01-01', '--until', '2026-02-01', '--output', '-'], { cwd })
    expect(stdout).toContain('2026-01-01 to 2026-01-31')
    expect(stdout).not.toContain('ada@example.com')
  })

  it.each([
    {
      args: ['--output', 'nowhere/report.html'],
      code: 1,
      says: /cannot be written to nowhere\/report.html \(ENOENT\)/,
    },
    { args: ['--output', 'folder'], code: 1, says: /cannot be written to folder \(EISDIR\)/ },
    { args: ['--to', 'duckdb:missing.duckdb'], code: 1, says: /does not exist yet/ },
    { args: ['--to', 'duckdb:a.duckdb', '--to', 'duckdb:b.duckdb'], code: 2, says: /several sinks/ },
    { args: ['--days', '1', '--since', '2026-01-01'], code: 2, says: /either --days or --since/ },
  ])('$args is refused', async ({ args, code, says }) => {
    mkdirSync(join(cwd, 'folder'), { recursive: true })
    const result = await run(['report', ...args], { cwd })
    expect(result.code).toBe(code)
    expect(result.stderr).toMatch(says)
    expect(readdirSync(cwd).filter((name) => name.startsWith('.folder'))).toEqual([])
  })
})
