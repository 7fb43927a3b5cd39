import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type S3StandIn, startS3 } from '../emulators/s3.js'
import { countsOf, inDatabase, ndjson, newFolder, run, spoolsOf, start, summaryOf } from './support.js'

const SECRET = 'not-to-be-told'
const KEY = 'wandb-audit-logs/2026-10.json'
const at = (day: string, i: number) => ({
  timestamp: `2026-10-${day}T12:00:00Z`,
  action: 'user:login',
  actor_user_id: i,
})

let s3: S3StandIn
let env: Record<string, string>
let from: string

beforeAll(async () => {
  s3 = await startS3({ buckets: ['instance', 'empty', 'archive'] })
  env = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: SECRET, AWS_REGION: s3.region }
  from = `s3://instance?endpoint=${s3.url}`
  s3.put('instance', KEY, Buffer.from(ndjson(at('01', 1), at('02', 2), at('02', 3), '{cut', at('03', 4))))
})
afterAll(() => s3.close())

describe('load from a bucket', () => {
  it('lists what it would read, reads it, and reads nothing twice', async () => {
    const cwd = newFolder()
    const dry = await run(['load', '--from', from, '--dry-run'], { cwd, env })
    expect(dry.stdout).toBe(`${s3.get('instance', KEY)?.length}\ts3://instance/${KEY}\n`)
    expect(countsOf(await summaryOf(['load', '--from', from], { cwd, env }))).toEqual([5, 4, 0, 0, 1])
    const before = s3.requests.length
    expect(await summaryOf(['load', '--from', from], { cwd, env })).toMatchObject({ documents: 0, skipped: 1 })
    expect(s3.requests.slice(before).map(({ action }) => action)).toEqual(['ListObjectsV2'])
  })

  it('stops at Ctrl-C in the middle of an object, leaves nothing behind, and goes on the next time', async () => {
    const cwd = newFolder()
    s3.fail({ kind: 'stall', action: 'GetObject', afterBytes: 20 })
    const { child, result } = start(['load', '--from', from], { cwd, env })
    while (s3.faultsLeft > 0) await new Promise(setImmediate)
    child.kill('SIGINT')
    expect(await result).toMatchObject({ code: 130, stdout: '' })
    expect(spoolsOf(cwd)).toEqual([])
    expect(countsOf(await summaryOf(['load', '--from', from], { cwd, env }))).toEqual([5, 4, 0, 0, 1])
  })

  it.each([
    ['a bucket that is not there', 's3://nowhere', 1],
    ['a prefix without objects', 's3://empty', 1],
    ['no bucket at all', 's3://', 2],
    ['an option it does not know', 's3://instance?key=x', 2],
  ])('of %s says what to do', async (_what, address, code) => {
    const separator = address.includes('?') ? '&' : '?'
    const failed = await run(['load', '--from', `${address}${separator}endpoint=${s3.url}`], { env })
    expect(failed.code).toBe(code)
    expect(failed.stderr).toMatch(/^wandb-audit: .+\n {2}.+\n$/)
    expect(failed.stderr).not.toContain(SECRET)
  })

  it('that may not be listed says which right is missing', async () => {
    s3.fail({ kind: 'refuse', code: 'AccessDenied' })
    const { code, stderr } = await run(['load', '--from', from], { env })
    expect(code).toBe(1)
    expect(stderr).toContain('s3:ListBucket')
    expect(stderr).not.toContain(SECRET)
  })
})

describe('a bucket with archived objects', () => {
  const frozen = (day: string): void => {
    const archived = { storageClass: 'DEEP_ARCHIVE', archived: 'frozen' } as const
    s3.put('archive', `wandb-audit-logs/${day}.json`, Buffer.from(ndjson(at(day, 1))), archived)
  }
  const load = ['load', '--from']

  it('is loaded without them, says so in one line, and exits with 6 until they are restored and loaded', async () => {
    const cwd = newFolder()
    const address = from.replace('instance', 'archive')
    for (const day of ['01', '02', '03']) frozen(day)
    s3.put('archive', 'wandb-audit-logs/04.json', Buffer.from(ndjson(at('04', 1))))
    const dry = await run([...load, address, '--dry-run'], { cwd, env })
    expect(dry.stdout).toMatch(/^\d+\ts3:\/\/archive\/wandb-audit-logs\/04\.json\n$/)
    expect(dry.stderr).toContain('3 documents are archived')
    for (const loaded of [1, 0]) {
      const { code, stdout, stderr } = await run([...load, address], { cwd, env })
      expect(code).toBe(6)
      expect(stdout).toContain(`documents: ${loaded} loaded, ${1 - loaded} skipped, 0 failed, 3 archived\n`)
      const said = stderr.split('\n').filter((line) => line.includes('archived'))
      expect(said).toEqual([
        expect.stringMatching(/3 documents are archived and were not loaded, for example .+01\.json/),
      ])
      expect(stderr).not.toMatch(/error/i)
    }
    const asked = s3.requests.filter(({ bucket, action }) => bucket === 'archive' && action === 'GetObject')
    expect(asked).toHaveLength(1)
    for (const day of ['01', '02', '03'])
      s3.put('archive', `wandb-audit-logs/${day}.json`, Buffer.from(ndjson(at(day, 1))))
    expect(await summaryOf([...load, address], { cwd, env })).toMatchObject({ documents: 3, skipped: 1, archived: [] })
  })
})

describe('backfill from a bucket', () => {
  const TIMES = 'SELECT strftime("timestamp", \'%d\') FROM audit_events ORDER BY ALL'

  it('takes the events of the days asked for, and load takes the rest', async () => {
    const cwd = newFolder()
    const days = ['--since', '2026-10-02', '--until', '2026-10-03']
    expect(countsOf(await summaryOf(['backfill', '--from', from, ...days], { cwd, env }))).toEqual([3, 2, 0, 0, 1])
    expect(await inDatabase(join(cwd, 'audit.duckdb'), TIMES)).toEqual([['02'], ['02']])
    expect(await summaryOf(['backfill', '--from', from, ...days], { cwd, env })).toMatchObject({ skipped: 1 })
    expect(countsOf(await summaryOf(['load', '--from', from], { cwd, env }))).toEqual([5, 2, 0, 2, 1])
    expect(await inDatabase(join(cwd, 'audit.duckdb'), TIMES)).toEqual([['01'], ['02'], ['02'], ['03']])
  })
})
