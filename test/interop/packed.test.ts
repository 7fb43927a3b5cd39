/** What `npm pack` gives is installed in an empty folder, with npm and its registry, as deploy/Containerfile does. */

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { inCheckout, newFolder } from '../cli/support.js'

const CONTAINERFILE = readFileSync(inCheckout('deploy/Containerfile'), 'utf8')

const execute = async (command: string, args: readonly string[], cwd: string): Promise<string> => {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, npm_config_update_notifier: 'false' }
  return (await promisify(execFile)(command, args, { cwd, env })).stdout
}

/** A checkout of its own, because packing writes files there and builds anew. */
async function checkout(): Promise<string> {
  const folder = newFolder()
  const files = await execute('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], inCheckout('.'))
  for (const file of files.split('\0').filter((name) => name !== '')) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    cpSync(inCheckout(file), join(folder, file))
  }
  symlinkSync(inCheckout('node_modules'), join(folder, 'node_modules'))
  return folder
}

describe('the packed tarball', () => {
  const opt = newFolder()
  const program = join(opt, 'wandb-audit')

  beforeAll(async () => {
    const packed = await checkout()
    await execute('npm', ['pack', '--silent'], packed)
    const tarballs = readdirSync(packed).filter((name) => /^wandb-audit-.*\.tgz$/.test(name))
    expect(tarballs).toHaveLength(1)
    await execute('tar', ['--extract', '--gzip', '--file', join(packed, tarballs[0] ?? '')], opt)
    const [, install = ''] = /^RUN (npm ci .*) \\$/m.exec(CONTAINERFILE) ?? []
    await execute('bash', ['-c', install], join(opt, 'package'))
    renameSync(join(opt, 'package'), program)
  }, 600_000)

  it('installs nothing but what the shrinkwrap pins', () => {
    const lock = JSON.parse(readFileSync(join(program, 'npm-shrinkwrap.json'), 'utf8')).packages
    const { packages } = JSON.parse(readFileSync(join(program, 'node_modules/.package-lock.json'), 'utf8'))
    const installed = Object.entries<{ version: string }>(packages)
    expect(installed.length).toBeGreaterThan(50)
    for (const [path, { version }] of installed)
      expect({ path, version, dev: lock[path].dev }).toEqual({ path, version: lock[path].version, dev: undefined })
  })

  it('has the demo, which works in an empty folder', async () => {
    const said = await execute(join(program, 'bin/wandb-audit'), ['demo'], newFolder())
    expect(said).toMatch(/read [\d,]+ = /)
  })

  it('has what its pages point at', () => {
    const pages = ['README.md', ...readdirSync(join(program, 'docs')).map((name) => join('docs', name))]
    const targets = pages
      .filter((page) => page.endsWith('.md'))
      .flatMap((page) =>
        [...readFileSync(join(program, page), 'utf8').matchAll(/\]\(((?:\.\.\/)?(?:deploy|docs)\/[^)#]+)/g)].map(
          ([, target = '']) => join(dirname(page), target),
        ),
      )
    expect(targets).toContain('deploy/Containerfile')
    const there = readdirSync(program, { recursive: true, encoding: 'utf8' })
    expect(targets.filter((target) => !there.includes(target.replace(/\/$/, '')))).toEqual([])
  })
})
