/** The files in deploy/ and what docs/scheduling.md says of them; what needs an engine of others is in test/interop. */

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Cron } from 'croner'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { settings } from '../../schemas/settings.js'
import { inCheckout, ndjson, newFolder, run } from './support.js'

const readFile = (path: string): string => readFileSync(inCheckout(path), 'utf8')
const PAGE = readFile('docs/scheduling.md')
const FILES = readdirSync(inCheckout('deploy'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name).slice(inCheckout('').length))

describe('docs/scheduling.md', () => {
  it('points at every file in deploy/, or at its folder', () => {
    const targets = [...PAGE.matchAll(/\]\(\.\.\/(deploy\/[^)]+)\)/g)].map(([, target = '']) => target)
    expect(FILES.length).toBeGreaterThan(5)
    const missing = FILES.filter((file) => !targets.some((target) => file === target || file.startsWith(`${target}`)))
    expect(missing).toEqual([])
    expect(targets.filter((target) => !FILES.some((file) => file.startsWith(target)))).toEqual([])
  })

  it('copies files that the package has', () => {
    const copied = [...PAGE.matchAll(/\/opt\/wandb-audit\/(deploy\/[\w./-]+)/g)].map(([, path = '']) => path)
    expect(copied.length).toBeGreaterThan(2)
    expect(copied.filter((path) => !FILES.some((file) => file.startsWith(path)))).toEqual([])
    expect(JSON.parse(readFile('package.json')).files).toContain('deploy')
  })

  it('names the version that there is', () => {
    const { version } = JSON.parse(readFile('package.json'))
    const named = [PAGE, ...FILES.map(readFile)].flatMap((text) => [
      ...text.matchAll(/wandb-audit[-:](\d+\.\d+\.\d+)|newTag: (\S+)/g),
    ])
    expect(named.length).toBeGreaterThan(4)
    expect(new Set(named.map(([, tarball, tag]) => tarball ?? tag))).toEqual(new Set([version]))
  })
})

describe('every page', () => {
  it('has npx run nothing but what the lockfile pins: whoever claims another name decides what runs', () => {
    const { dependencies, devDependencies } = JSON.parse(readFile('package.json'))
    const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(inCheckout('docs')).map((name) => join('docs', name))]
    const run = [...pages.filter((name) => name.endsWith('.md')), ...FILES].flatMap((file) =>
      [...readFile(file).matchAll(/\bnpx ((?:-\S+ )*)([\w@/.-]+)/g)].map(([, , name = '']) => name),
    )
    expect(run).toContain('vitest')
    expect(run.filter((name) => !(name in { ...dependencies, ...devDependencies }))).toEqual([])
  })
})

describe('the settings files in deploy/', () => {
  it.each(FILES.filter((file) => file.endsWith('settings.yaml')))('%s has settings that there are', (file) => {
    expect(settings.parse(parse(readFile(file)))).toMatchObject({ from: 'https://acme.wandb.io' })
  })
})

describe('deploy/cron/wandb-audit', () => {
  const [, schedule = '', user, command = ''] =
    /^((?:\S+ ){4}\S+) (\S+) (.*)$/m.exec(readFile('deploy/cron/wandb-audit').replace(/^#.*\n/gm, '')) ?? []

  it('starts every ten minutes, as its own user', () => {
    const [first, second] = new Cron(schedule, { timezone: 'UTC' }).nextRuns(2)
    expect((second?.getTime() ?? 0) - (first?.getTime() ?? 0)).toBe(600_000)
    expect(user).toBe('wandb-audit')
  })

  it('loads without a word, and does nothing while the previous run goes on', async () => {
    const folder = newFolder()
    for (const name of ['bin', 'etc', 'state', 'logs']) mkdirSync(join(folder, name))
    symlinkSync(inCheckout('bin/wandb-audit'), join(folder, 'bin/wandb-audit'))
    writeFileSync(join(folder, 'etc/env'), 'WANDB_API_KEY=local-key\n')
    writeFileSync(join(folder, 'logs/a.ndjson'), ndjson({ timestamp: '2026-10-01T12:00:00Z', action: 'user:login' }))
    const inFolder = (text: string): string =>
      text
        .replaceAll('/etc/wandb-audit', join(folder, 'etc'))
        .replaceAll('/var/lib/wandb-audit', join(folder, 'state'))
        .replaceAll('https://acme.wandb.io', join(folder, 'logs'))
    writeFileSync(join(folder, 'etc/settings.yaml'), inFolder(readFile('deploy/settings.yaml')))
    const env = {
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      HOME: join(folder, 'state'),
      WANDB_AUDIT_CONFIG: join(folder, 'etc/settings.yaml'),
    }
    const shell = (args: readonly string[]) => promisify(execFile)('sh', ['-c', ...args], { cwd: folder, env })
    const line = inFolder(command)

    // While another holds the lock.
    expect(await shell([`exec flock "${folder}/state/lock" sh -c "$1"`, 'sh', line])).toEqual({
      stdout: '',
      stderr: '',
    })
    expect(readdirSync(join(folder, 'state'))).toEqual(['lock'])
    expect(await shell([line])).toEqual({ stdout: '', stderr: '' })
    const { stdout } = await run(['query', 'SELECT count(*) AS n FROM audit_events', '--format', 'csv'], {
      cwd: folder,
      env,
    })
    expect(stdout).toBe('n\r\n1\r\n')
  })
})
