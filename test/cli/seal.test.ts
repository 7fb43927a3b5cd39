/** `seal`, and what a load with an archive seals. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { sha256 } from '../support/exact.js'
import { ndjson, newFolder, run, runProgram, summaryOf } from './support.js'

const at = (second: number, action = 'user:login') => ({ timestamp: `2026-10-01T12:00:0${second}Z`, action })

function folderWithLogs(): string {
  const cwd = newFolder()
  mkdirSync(join(cwd, 'logs'))
  writeFileSync(join(cwd, 'logs/2026-10-01-a.ndjson'), ndjson(at(1), at(1), '{cut'))
  writeFileSync(join(cwd, 'logs/2026-10-02.ndjson'), ndjson(at(2)))
  return cwd
}

const LOAD = ['load', '--from', 'logs', '--archive', 'kept']

/** Those of the source `files`, with their SHA-256. */
function sealsIn(cwd: string): { readonly sha256: string; readonly [field: string]: unknown }[] {
  const folder = join(cwd, 'kept/seals/files')
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const bytes = readFileSync(join(folder, name))
      return { ...JSON.parse(bytes.toString().split('\n', 1)[0] ?? ''), sha256: sha256(bytes) }
    })
}

it('a load seals the finished days that it archived, and says so in its log', async () => {
  const cwd = folderWithLogs()
  const first = await run([...LOAD, '--log-format', 'json'], { cwd })
  const seals = sealsIn(cwd)
  expect(seals).toMatchObject([
    { number: 1, day: '2026-10-01', lines: 3, events: 2, rejects: 1, previous: null },
    { number: 2, day: '2026-10-02', lines: 1, events: 1, previous: seals[0]?.sha256 },
  ])
  const lines = first.stderr.split('\n').filter((line) => line.includes('"sealed '))
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'info', source: 'files', number: 1, day: '2026-10-01', sha256: seals[0]?.sha256 },
    { level: 'info', source: 'files', number: 2, day: '2026-10-02', sha256: seals[1]?.sha256 },
  ])
  await summaryOf(LOAD, { cwd })
  expect(sealsIn(cwd)).toHaveLength(2)
})

it('a late document makes a seal that names the one it replaces', async () => {
  const cwd = folderWithLogs()
  await summaryOf(LOAD, { cwd })
  writeFileSync(join(cwd, 'logs/2026-10-01-b.ndjson'), ndjson(at(3)))
  await summaryOf(LOAD, { cwd })
  expect(sealsIn(cwd).at(-1)).toMatchObject({ number: 3, day: '2026-10-01', supersedes: 1, events: 3 })
})

it('what has no day is sealed by the load that archives it', async () => {
  const cwd = newFolder()
  const pipe = ['load', '--from', '-', '--archive', 'kept']
  for (const second of [1, 2]) await runProgram(pipe, { cwd, stdin: ndjson(at(second)) })
  const seals = readdirSync(join(cwd, 'kept/seals/stdin'))
  expect(seals).toEqual(['00000001.jsonl', '00000002.jsonl'])
})

it('`seal` makes up for what a load could not seal', async () => {
  const cwd = folderWithLogs()
  await summaryOf(LOAD, { cwd })
  rmSync(join(cwd, 'kept/seals'), { recursive: true })
  const seal = async () => {
    const { code, stdout } = await run(['seal', 'kept', '--output', 'json'], { cwd })
    return { code, ...JSON.parse(stdout) }
  }
  expect(await seal()).toMatchObject({ code: 0, seals: [{ day: '2026-10-01' }, { day: '2026-10-02' }], failed: 0 })
  expect(await seal()).toMatchObject({ code: 0, seals: [], failed: 0 })
  const back = await summaryOf(['load', '--from', 'archive:kept', '--to', 'duckdb:back.duckdb'], { cwd })
  expect(back).toMatchObject({ documents: 2, failed: [] })
})

it('a backfill seals the days it was asked for, also those that an earlier run left unsealed', async () => {
  const cwd = folderWithLogs()
  const backfill = (since: string, until: string) =>
    summaryOf(['backfill', ...LOAD.slice(1), '--since', since, '--until', until], { cwd })
  await backfill('2026-10-01', '2026-10-03')
  rmSync(join(cwd, 'kept/seals'), { recursive: true })
  await backfill('2026-10-01', '2026-10-02')
  expect(sealsIn(cwd)).toMatchObject([{ number: 1, day: '2026-10-01' }])
  await backfill('2026-01-01', '2026-10-03')
  expect(sealsIn(cwd)).toMatchObject([{ number: 1 }, { number: 2, day: '2026-10-02' }])
})

it('an archive that cannot be sealed is told of after the summary, and what was loaded stays', async () => {
  const cwd = folderWithLogs()
  mkdirSync(join(cwd, 'kept'))
  writeFileSync(join(cwd, 'kept/seals'), '')
  const { code, stdout, stderr } = await run([...LOAD, '--output', 'json'], { cwd })
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('run wandb-audit seal') })
  expect(JSON.parse(stdout)).toMatchObject({ documents: 2, failed: [] })
  rmSync(join(cwd, 'kept/seals'))
  expect((await run(['seal', 'kept'], { cwd })).stdout).toMatch(/: 2 seals written\n$/)
})

it('`seal` fails where there is no archive', async () => {
  const { code, stderr } = await run(['seal', 'nowhere'], { cwd: newFolder() })
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no archived document') })
})

it.each([
  { args: ['seal'], says: 'no archive is named' },
  { args: ['seal', 'kept', '--retain', '6y'], says: 'cannot keep anyone from deleting a file' },
  { args: ['seal', 'https://acme.wandb.io'], says: 'an archive has no address of this kind' },
])('is refused as wrong usage: $args', async ({ args, says }) => {
  const { code, stderr } = await run(args, { cwd: newFolder() })
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(says) })
})
