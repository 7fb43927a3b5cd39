import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ndjson, newFolder, run, summaryOf, valueIn } from './support.js'

const cwd = newFolder()
const CUT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:log'
const NO_ACTION = '{"timestamp":"2026-10-01T12:34:57Z","ünï":"日本"}'

beforeAll(async () => {
  writeFileSync(
    join(cwd, 'a.ndjson'),
    ndjson(CUT, { timestamp: '2026-10-01T12:34:56Z', action: 'run:stop' }, NO_ACTION),
  )
  await summaryOf(['load', '--from', 'a.ndjson', '--max-rejects', '2'], { cwd })
})

describe('rejects', () => {
  it('lists where each stands and why, without its text', async () => {
    const { code, stdout } = await run(['rejects', '--format', 'ndjson'], { cwd })
    expect(code).toBe(0)
    const rejects = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rejects).toMatchObject([
      { source_document: join(cwd, 'a.ndjson'), source_line: 1, reason: 'not_json' },
      { source_document: join(cwd, 'a.ndjson'), source_line: 3, reason: 'no_action' },
    ])
    expect(stdout).not.toContain('日本')
  })

  it('--raw writes the lines, to be mended and loaded', async () => {
    const { stdout, stderr } = await run(['rejects', '--raw'], { cwd })
    expect({ stdout, stderr }).toEqual({ stdout: `${CUT}\n${NO_ACTION}\n`, stderr: '' })
    writeFileSync(join(cwd, 'mended.ndjson'), stdout.replace('user:log', 'user:login"}').replace('"ünï"', '"action"'))
    const { sinks } = await summaryOf(['load', '--from', 'mended.ndjson'], { cwd })
    expect(sinks[0]).toMatchObject({ read: 2, inserted: 2, rejected: 0 })
    expect(await valueIn(join(cwd, 'audit.duckdb'), 'SELECT count(*) FROM audit_rejects')).toBe(2n)
  })

  it('--raw gives back bytes that are no text', async () => {
    const line = Buffer.from([0x7b, 0xff, 0x22, 0x7d])
    const to = ['--to', 'duckdb:bytes.duckdb']
    await summaryOf(['load', '--from', '-', '--max-rejects', '1', ...to], {
      cwd,
      stdin: Buffer.concat([line, Buffer.from('\n')]),
    })
    const { stdout } = await run(['rejects', '--raw', ...to], { cwd, encoding: 'latin1' })
    expect(Buffer.from(stdout, 'latin1')).toEqual(Buffer.concat([line, Buffer.from('\n')]))
  })
})
