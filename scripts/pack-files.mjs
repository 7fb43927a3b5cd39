/**
 * Runs before `npm pack`: what a package needs beside the code so that others install exactly what was tested.
 * npm-shrinkwrap.json is the lockfile, under the only name npm packs; sbom.cdx.json lists what is installed by it.
 * `--remove` runs afterwards: npm would prefer a shrinkwrap that lies about to the lockfile.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SBOM = 'sbom.cdx.json'
const SHRINKWRAP = 'npm-shrinkwrap.json'

if (process.argv.includes('--remove')) {
  for (const file of [SBOM, SHRINKWRAP]) rmSync(file, { force: true })
} else {
  cpSync('package-lock.json', SHRINKWRAP)
  writeJson(SBOM, sbom())
}

/** CycloneDX, from the lockfile alone, without what differs from run to run: the same lockfile gives the same file. */
function sbom() {
  const { serialNumber: _, ...bom } = npmSbom()
  const { timestamp: __, ...metadata } = bom.metadata
  // npm takes the name of the folder it stands in.
  const component = { ...metadata.component, name: readJson('package.json').name }
  return { ...bom, metadata: { ...metadata, component } }
}

/** Asks npm in a folder where there are no development dependencies: its `--omit=dev` also omits what both kinds need. */
function npmSbom() {
  const folder = mkdtempSync(join(tmpdir(), 'wandb-audit-sbom-'))
  try {
    const { devDependencies: _, ...manifest } = readJson('package.json')
    const { packages, ...lock } = readJson('package-lock.json')
    const runtime = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev)
    writeJson(join(folder, 'package.json'), manifest)
    writeJson(join(folder, 'package-lock.json'), {
      ...lock,
      packages: { '': manifest, ...Object.fromEntries(runtime) },
    })
    const options = ['--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only']
    return JSON.parse(execFileSync('npm', ['sbom', ...options], { cwd: folder, encoding: 'utf8' }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

function writeJson(file, content) {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
}
