/**
 * Run after `npm install` of anything. Some registries leave the native packages of other platforms out of what npm
 * writes, or their hashes. This adds both from the registry; without a hash `npm ci` installs whatever it is served.
 * With `--check` it only reads the lockfile, asks nobody, and fails where something is missing.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = 'package-lock.json'
const ROOT = ''
/** Fields in which packages name their own pages. An address anywhere else says where to download from. */
const PAGES = ['funding', 'license', 'deprecated']

const lock = JSON.parse(readFileSync(FILE, 'utf8'))
const problems = process.argv.includes('--check') ? check() : complete()
for (const problem of problems) process.stderr.write(`${FILE}: ${problem}\n`)
if (problems.length > 0) process.exitCode = 1

function check() {
  const missing = missingPlatforms().map(([path]) => `${path} is missing: run node scripts/complete-lockfile.mjs`)
  const faulty = Object.entries(lock.packages).flatMap(([path, entry]) => {
    const { resolved, integrity, ...rest } = entry
    const text = JSON.stringify(rest, (key, value) => (PAGES.includes(key) ? undefined : value))
    return [
      ...(path === ROOT || isHash(integrity)
        ? []
        : [`${path} has no SHA-512 hash: run node scripts/complete-lockfile.mjs`]),
      ...(resolved === undefined && !text.includes('://')
        ? []
        : [`${path} names an address to download from: remove it`]),
    ]
  })
  return [...missing, ...faulty]
}

function complete() {
  for (const [path, version, parent] of missingPlatforms())
    lock.packages[path] = { version, ...(parent.dev ? { dev: true } : {}), optional: true }
  const problems = []
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === ROOT || isHash(entry.integrity)) continue
    const told = askRegistry(`${entry.name ?? path.split('node_modules/').at(-1)}@${entry.version}`)
    if (isHash(told.integrity)) lock.packages[path] = { version: entry.version, ...told, ...entry }
    else problems.push(`the registry has no SHA-512 hash of ${path} ${entry.version}: try another registry`)
  }
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`)
  return problems
}

/** Optional dependencies that a package pins and the lockfile does not have: path, version and that package. */
function missingPlatforms() {
  return Object.values(lock.packages).flatMap((parent) =>
    Object.entries(parent.optionalDependencies ?? {})
      .filter(([, version]) => /^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version))
      .map(([name, version]) => [`node_modules/${name}`, version, parent])
      .filter(([path]) => lock.packages[path] === undefined),
  )
}

/** What a lockfile holds of a package, as the registry has it; nothing where it does not know the package. */
function askRegistry(spec) {
  const fields = ['dist.integrity', 'cpu', 'engines', 'libc', 'license', 'os']
  try {
    const output = execFileSync('npm', ['view', spec, '--json', ...fields], { stdio: ['ignore', 'pipe', 'ignore'] })
    const { 'dist.integrity': integrity, ...rest } = JSON.parse(output)
    return { integrity, ...rest }
  } catch {
    return {}
  }
}

function isHash(integrity) {
  return /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')
}
