import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inDatabase, ndjson, newFolder, run, summaryOf } from './support.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_email: 'ada@example.com' }
const SECRET = '0123456789abcdef'.repeat(4)

function folderWith(...lines: readonly unknown[]): { cwd: string; key: string } {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'a.ndjson'), ndjson(EVENT, ...lines))
  const key = join(cwd, 'key')
  writeFileSync(key, `${SECRET}\n`, { mode: 0o600 })
  return { cwd, key }
}

const names = async (cwd: string): Promise<unknown> =>
  JSON.parse((await run(['query', 'SELECT actor_email FROM audit_events', '--format', 'json'], { cwd })).stdout)

describe('load --privacy', () => {
  it('makes pseudonyms with the key of a file, and of the environment alike', async () => {
    const { cwd, key } = folderWith()
    const args = ['load', '--from', 'a.ndjson', '--privacy', '{actor_email: pseudonym}']
    await summaryOf(args, { cwd, env: { WANDB_AUDIT_PRIVACY_KEY_FILE: key } })
    const shown = await names(cwd)
    expect(shown).toEqual([{ actor_email: expect.stringMatching(/^pseudonym:[0-9a-f]{32}$/) }])
    const other = folderWith()
    const env = { WANDB_AUDIT_PRIVACY_KEY: SECRET, WANDB_AUDIT_PRIVACY: '{"actor_email": "pseudonym"}' }
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd: other.cwd, env })
    expect(await names(other.cwd)).toEqual(shown)
  })

  it('is refused without a key, or with one that is too short, before anything is made', async () => {
    const { cwd, key } = folderWith()
    const args = ['load', '--from', 'a.ndjson', '--privacy', '{actor_email: pseudonym}']
    expect(await run(args, { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/a pseudonym needs the privacy key\n.*WANDB_AUDIT_PRIVACY_KEY_FILE/),
    })
    writeFileSync(key, 'short')
    const short = await run([...args, '--dry-run'], { cwd, env: { WANDB_AUDIT_PRIVACY_KEY_FILE: key } })
    expect(short).toMatchObject({ code: 2, stderr: expect.stringMatching(/has 5 characters, and needs at least 32/) })
    expect(await run(['load', '--from', 'a.ndjson', '--privacy', 'drop'], { cwd })).toMatchObject({ code: 2 })
    expect(await run(['status'], { cwd })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not exist yet/),
    })
  })

  it('never writes the key, and warns when others can read it', async () => {
    const { cwd, key } = folderWith()
    chmodSync(key, 0o644)
    const args = ['load', '--from', 'a.ndjson', '--log-format', 'json', '--privacy', '{actor_email: pseudonym}']
    const { code, stdout, stderr } = await run(args, { cwd, env: { WANDB_AUDIT_PRIVACY_KEY_FILE: key } })
    expect(code).toBe(0)
    expect(stderr).toMatch(/holds the privacy key, and other users can read or change it/)
    expect(stdout + stderr).not.toContain(SECRET)
    expect(readFileSync(join(cwd, 'audit.duckdb')).includes(SECRET)).toBe(false)
  })

  it('combines with --anonymize and a dry run, and a sink loaded under other rules exits with 2', async () => {
    const { cwd } = folderWith()
    const dropping = ['load', '--from', 'a.ndjson', '--privacy', '{actor_email: drop}', '--anonymize']
    expect(await run([...dropping, '--dry-run'], { cwd })).toMatchObject({ code: 0 })
    await summaryOf(dropping, { cwd })
    expect(await names(cwd)).toEqual([{ actor_email: null }])
    writeFileSync(join(cwd, 'b.ndjson'), ndjson(EVENT))
    expect(await run(['load', '--from', 'b.ndjson'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/this run is without privacy/),
    })
  })
})

describe('verify', () => {
  it('finds a sink with pseudonyms and an erasure equal to what the archive says, and a clear name in it altered', async () => {
    const { cwd, key } = folderWith(
      { ...EVENT, actor_email: 'grace@example.com', actor_user_id: 8 },
      'of ada@example.com',
    )
    const env = { WANDB_AUDIT_PRIVACY_KEY_FILE: key, WANDB_AUDIT_PRIVACY: '{actor_email: pseudonym, rejects: keep}' }
    await summaryOf(['load', '--from', 'a.ndjson', '--archive', 'kept'], { cwd, env })
    const verify = ['verify', 'kept', '--to', 'duckdb:audit.duckdb', '--deep']
    expect(await run(verify, { cwd, env })).toMatchObject({ code: 0 })
    expect(await run(['erase'], { cwd, env, stdin: 'ada@example.com' })).toMatchObject({ code: 0 })
    expect(await run(verify, { cwd, env })).toMatchObject({ code: 0 })
    const clear = { WANDB_AUDIT_PRIVACY_KEY_FILE: key }
    expect(await run(verify, { cwd, env: clear })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/this run is without privacy/),
    })
    await inDatabase(
      join(cwd, 'audit.duckdb'),
      "UPDATE audit_events SET actor_email = 'grace@example.com' WHERE actor_email IS NOT NULL",
    )
    const found = await run(verify, { cwd, env })
    expect(found).toMatchObject({ code: 5, stdout: expect.stringMatching(/altered/) })
  })
})

describe('erase', () => {
  it('reads who is meant from standard input, clears, reports, and later loads respect it', async () => {
    const { cwd, key } = folderWith({ ...EVENT, actor_email: 'grace@example.com', actor_user_id: 8 })
    const env = { WANDB_AUDIT_PRIVACY_KEY_FILE: key }
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
    const stdin = 'ADA@example.com\n'
    const dry = await run(['erase', '--dry-run', '--output', 'json'], { cwd, env, stdin })
    expect(JSON.parse(dry.stdout)).toMatchObject([{ cleared: { actor_email: 1 }, remembered: false }])
    const { code, stdout, stderr } = await run(['erase'], { cwd, env, stdin })
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /cleared, and remembered for later loads\n {2}actor_email: 1\n {2}What remains there: unused blocks/,
    )
    expect((stdout + stderr).toLowerCase()).not.toContain('ada@')
    writeFileSync(join(cwd, 'b.ndjson'), ndjson({ ...EVENT, project_name: 'baseline' }))
    expect(await run(['load', '--from', 'b.ndjson'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/needs the privacy key/),
    })
    await summaryOf(['load', '--from', 'b.ndjson'], { cwd, env })
    expect(await names(cwd)).toEqual(
      expect.arrayContaining([{ actor_email: null }, { actor_email: 'grace@example.com' }]),
    )
  })

  it('in one of two sinks is no finding of verify in the other', async () => {
    const { cwd, key } = folderWith()
    const env = { WANDB_AUDIT_PRIVACY_KEY_FILE: key }
    const to = ['--to', 'duckdb:one.duckdb', '--to', 'duckdb:other.duckdb']
    await summaryOf(['load', '--from', 'a.ndjson', '--archive', 'kept', ...to], { cwd })
    expect(await run(['erase', '--to', 'duckdb:one.duckdb'], { cwd, env, stdin: 'ada@example.com' })).toMatchObject({
      code: 0,
    })
    expect(await run(['verify', 'kept', ...to], { cwd, env })).toMatchObject({ code: 0 })
  })

  it('needs a key and somebody to erase, and repeats no name in its errors', async () => {
    const { cwd, key } = folderWith()
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
    expect(await run(['erase'], { cwd, stdin: 'ada@example.com' })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/an erasure needs the privacy key/),
    })
    const env = { WANDB_AUDIT_PRIVACY_KEY_FILE: key }
    expect(await run(['erase'], { cwd, env, stdin: '' })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/names nobody/),
    })
    const unclear = await run(['erase', '--user', 'ada lovelace'], { cwd, env })
    expect(unclear).toMatchObject({ code: 2, stderr: expect.not.stringMatching(/lovelace/) })
  })
})
