/** The archive from the command line: kept, loaded back, checked, and refused where it makes no sense. */

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startWandbApi } from '../../src/demo/wandb-api.js'
import { startS3 } from '../emulators/s3.js'
import { contentsOf, countsOf, inDatabase, ndjson, newFolder, run, runProgram, summaryOf } from './support.js'

const at = (second: number) => ({ timestamp: `2026-10-01T12:00:0${second}Z`, action: 'user:login' })

function folderWithLogs(): string {
  const cwd = newFolder()
  mkdirSync(join(cwd, 'logs'))
  writeFileSync(join(cwd, 'logs/a.ndjson'), ndjson(at(1), at(1), '{cut'))
  writeFileSync(join(cwd, 'logs/b.ndjson'), ndjson(at(2)))
  return cwd
}

it('keeps what is loaded, pipes too, and rebuilds a sink from the archive alone', async () => {
  const cwd = folderWithLogs()
  writeFileSync(join(cwd, 'wandb-audit.yaml'), 'archive: kept\n')
  const config = ['--config', 'wandb-audit.yaml']
  await summaryOf(['load', '--from', 'logs', ...config], { cwd })
  await summaryOf(['load', '--from', '-', ...config], { cwd, stdin: ndjson(at(3)) }, runProgram)
  const back = ['load', '--from', 'archive:kept', '--to', 'duckdb:back.duckdb']
  expect(countsOf(await summaryOf(back, { cwd }))).toEqual([5, 4, 0, 0, 1])
  expect(await contentsOf(join(cwd, 'back.duckdb'))).toEqual(await contentsOf(join(cwd, 'audit.duckdb')))
  const receipts = 'SELECT source, document, document_version FROM audit_documents ORDER BY ALL'
  const original = await inDatabase(join(cwd, 'audit.duckdb'), receipts)
  expect(original).toHaveLength(3)
  expect(await inDatabase(join(cwd, 'back.duckdb'), receipts)).toEqual(original)
  expect(countsOf(await summaryOf(back, { cwd }))).toEqual([5, 0, 0, 4, 1])
})

it('keeps each reading of a day of the API, and loads all of them back with their names', async () => {
  const clocks = ['12:00', '12:40', '18:00', '27:00'].map((time) => {
    const [hours = 0, minutes = 0] = time.split(':').map(Number)
    return new Date(Date.UTC(2026, 9, 20, hours, minutes))
  })
  let clock = new Date(0)
  const key = 'key-of-the-tests'
  const api = await startWandbApi({ key, eventsPerDay: 400, now: () => clock })
  onTestFinished(() => api.close())
  const cwd = newFolder()
  const days = ['--since', '2026-10-19', '--until', '2026-10-21']
  for (clock of clocks) {
    const args = ['backfill', '--from', api.url, '--archive', 'kept', ...days]
    await summaryOf(args, { cwd, env: { WANDB_API_KEY: key } })
  }
  const files = readdirSync(join(cwd, 'kept'), { recursive: true, encoding: 'utf8' })
  expect(files.filter((name) => /\/2026-10-20\/.*\.zst$/.test(name)).length).toBeGreaterThan(2)
  await summaryOf(['load', '--from', 'archive:kept', '--to', 'duckdb:back.duckdb'], { cwd })
  const [original, back] = [join(cwd, 'audit.duckdb'), join(cwd, 'back.duckdb')]
  // All but the receipts, whose versions differ.
  expect((await contentsOf(back)).slice(0, 2)).toEqual((await contentsOf(original)).slice(0, 2))
  for (const sql of [
    "SELECT document, replace(document_version, 'replayed ', ''), sha256, rows_read FROM audit_documents ORDER BY ALL",
    'SELECT content_hash, source_document, source_line, names_document, actor_email FROM audit_events ORDER BY ALL',
  ]) {
    expect(await inDatabase(back, sql)).toEqual(await inDatabase(original, sql))
  }
})

it('is not made inside a source, which would load it as logs', async () => {
  const cwd = folderWithLogs()
  for (const [from, archive] of [
    ['logs', 'logs/kept'],
    ['./logs/', 'logs'],
    ['s3://logs/a', 's3://logs/a/kept?endpoint=http://127.0.0.1:9'],
  ]) {
    const { code, stderr } = await run(['load', '--from', from ?? '', '--archive', archive ?? ''], { cwd })
    expect([code, stderr]).toEqual([2, expect.stringContaining('the archive lies inside a source')])
  }
})

it('locks what it keeps in a bucket, and says until when', async () => {
  const s3 = await startS3({ buckets: ['locked'], objectLock: ['locked'] })
  onTestFinished(() => s3.close())
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' }
  const cwd = folderWithLogs()
  const archive = `s3://locked/kept?endpoint=${s3.url}`
  const check = () => run(['archive', 'check', archive], { cwd, env })
  expect(await check()).toMatchObject({ code: 5, stdout: 'the archive is empty\n' })
  await summaryOf(['load', '--from', 'logs/a.ndjson', '--archive', archive, '--retain', '6y'], { cwd, env })
  const year = new Date().getUTCFullYear() + 6
  // The document and its seal.
  expect(await check()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(new RegExp(`^2 objects are locked; the first lock ends at ${year}-`)),
  })
  await summaryOf(['load', '--from', 'logs/b.ndjson', '--archive', archive], { cwd, env })
  expect(await check()).toMatchObject({
    code: 5,
    stdout: expect.stringContaining('2 objects can be deleted, for example kept/files/'),
  })
  const json = await run(['archive', 'check', archive, '--output', 'json'], { cwd, env })
  expect(JSON.parse(json.stdout)).toMatchObject({ archive: 's3://locked/kept/', objects: 4, unlocked: 2 })
})

it('loads nothing when the archive cannot be written to', async () => {
  const s3 = await startS3({ buckets: [] })
  onTestFinished(() => s3.close())
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' }
  const cwd = folderWithLogs()
  const { code, stderr } = await run(['load', '--from', 'logs', '--archive', `s3://gone?endpoint=${s3.url}`], {
    cwd,
    env,
  })
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('no such bucket') })
  for (const table of ['audit_events', 'audit_documents']) {
    expect(await inDatabase(join(cwd, 'audit.duckdb'), `FROM ${table}`)).toEqual([])
  }
})

it.each([
  { flags: ['--retain', '6y'], says: '--retain needs --archive' },
  { flags: ['--archive', 'kept', '--retain', '6y'], says: 'cannot keep anyone from deleting a file' },
  { flags: ['--archive', 'https://acme.wandb.io'], says: 'an archive has no address of this kind' },
  { flags: ['--archive', 's3://kept', '--retain', 'forever'], says: 'expected a duration' },
])('is refused as wrong usage: $flags', async ({ flags, says }) => {
  const { code, stderr } = await run(['load', '--from', 'logs', ...flags], { cwd: folderWithLogs() })
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(says) })
})

it('is not there: a load from it fails, and says which address to name', async () => {
  const { code, stderr } = await run(['load', '--from', 'archive:nothing'], { cwd: newFolder() })
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the address that was given to --archive'),
  })
})
