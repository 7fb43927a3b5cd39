import { existsSync, readFileSync } from 'node:fs'

/** The package's version; its package.json is one folder up in the sources and two in the build. */
export function version(): string {
  const path = ['../package.json', '../../package.json']
    .map((up) => new URL(up, import.meta.url))
    .find((url) => existsSync(url))
  return path === undefined ? 'unknown' : String(JSON.parse(readFileSync(path, 'utf8')).version)
}
