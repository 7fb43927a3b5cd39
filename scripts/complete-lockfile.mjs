// Run after `npm install` when the registry at hand does not mirror the native packages of other platforms: npm then
// leaves them out of the lockfile, and `npm ci` calls it out of sync. Adds them by the versions their parents pin.
import { readFileSync, writeFileSync } from 'node:fs'

const OS = /(darwin|linux|win32|android|freebsd|openharmony|netbsd|openbsd|sunos|aix)/
const CPU = [
  ['arm64', /arm64|aarch64/],
  ['x64', /x64/],
  ['arm', /arm(?!64)/],
  ['ia32', /ia32/],
  ['ppc64', /ppc64/],
  ['riscv64', /riscv64/],
  ['s390x', /s390x/],
  ['wasm32', /wasm32/],
]

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
for (const parent of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const os = OS.exec(name)?.[1]
    const cpu = CPU.find(([, pattern]) => pattern.test(name.split('/').at(-1)))?.[0]
    const path = `node_modules/${name}`
    if (lock.packages[path] !== undefined || os === undefined || cpu === undefined || /[^0-9a-z.-]/i.test(version))
      continue
    lock.packages[path] = {
      version,
      cpu: [cpu],
      ...(parent.dev === true ? { dev: true } : {}),
      optional: true,
      os: [os],
    }
    if (/musl/.test(name)) lock.packages[path].libc = ['musl']
    if (/gnu/.test(name)) lock.packages[path].libc = ['glibc']
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
