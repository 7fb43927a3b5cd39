import { existsSync, readFileSync } from 'node:fs'

/** The package's version. Its package.json is one folder up from the sources, and two from the build. */
export function version(): string {
  const path = ['../package.json', '../../package.json']
    .map((up) => new URL(up, import.meta.url))
    .find((url) => existsSync(url))
  return path === undefined ? 'unknown' : String(JSON.parse(readFileSync(path, 'utf8')).version)
}
