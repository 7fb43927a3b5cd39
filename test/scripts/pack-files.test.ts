/** What comes with the package: the list of everything it installs, and the lockfile that pins it. */

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { newFolder } from '../support/load.js'

const ROOT = join(import.meta.dirname, '../..')

interface Component {
  readonly name: string
  readonly version: string
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
  readonly licenses?: readonly unknown[]
}

const packages: Record<string, { version: string; integrity: string; dev?: true }> = readLock(ROOT)

function readLock(folder: string, file = 'package-lock.json') {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')).packages
}

/** npm would ask the network whether there is a newer npm. */
const env = (folder: string) => ({ PATH: process.env.PATH, HOME: folder, npm_config_update_notifier: 'false' })

const packFiles = (folder: string, ...args: string[]) =>
  execFileSync(process.execPath, [join(ROOT, 'scripts/pack-files.mjs'), ...args], {
    cwd: folder,
    env: env(folder),
  })

describe('npm pack', () => {
  const folder = newFolder()
  let sbom: { readonly bomFormat: string; readonly components: readonly Component[] }

  beforeAll(() => {
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(ROOT, file), join(folder, file))
    packFiles(folder)
    sbom = JSON.parse(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8'))
  })

  it('takes the SBOM and the lockfile into the package', () => {
    const command = ['pack', '--dry-run', '--json', '--ignore-scripts']
    const output = execFileSync('npm', command, { cwd: folder, env: env(folder) })
    const [{ files }] = JSON.parse(output.toString())
    expect(files.map(({ path }: { path: string }) => path)).toEqual(
      expect.arrayContaining(['sbom.cdx.json', 'npm-shrinkwrap.json']),
    )
    expect(readLock(folder, 'npm-shrinkwrap.json')).toEqual(packages)
  })

  it('lists every package that is installed, of every platform, and none for development alone', () => {
    const runtime = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev)
    const names = runtime.map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`)
    expect(sbom.bomFormat).toBe('CycloneDX')
    expect(new Set(sbom.components.map(({ name, version }) => `${name}@${version}`))).toEqual(new Set(names))
    expect(names).toContain(`@duckdb/node-bindings-darwin-arm64@${packages['node_modules/@duckdb/node-api']?.version}`)
  })

  it('gives the licence and the lockfile’s hash of each', () => {
    for (const { name, version, hashes, licenses } of sbom.components) {
      const entry = Object.entries(packages).find(
        ([path, entry]) => path.endsWith(`node_modules/${name}`) && entry.version === version,
      )
      const hash = Buffer.from(entry?.[1].integrity.replace('sha512-', '') ?? '', 'base64').toString('hex')
      expect(hashes, name).toEqual([{ alg: 'SHA-512', content: hash }])
      expect(licenses, name).toHaveLength(1)
    }
  })

  it('writes the same file again from the same lockfile, without a time, a place or a number of its own', () => {
    const first = readFileSync(join(folder, 'sbom.cdx.json'), 'utf8')
    packFiles(folder)
    expect(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8')).toBe(first)
    expect(first).not.toMatch(/timestamp|serialNumber/)
    expect(first).toContain('"name": "wandb-audit"')
  })

  it('leaves nothing behind', () => {
    packFiles(folder, '--remove')
    for (const file of ['sbom.cdx.json', 'npm-shrinkwrap.json']) expect(existsSync(join(folder, file))).toBe(false)
  })
})
