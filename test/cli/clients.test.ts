/** What the built program loads: a vendor's client only with its store or warehouse. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startS3 } from '../emulators/s3.js'
import { newFolder, runProgram } from './support.js'

/** Notes in the file MODULES, one a line, each module that is imported. */
const HOOK = `
import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(\`
import { appendFileSync } from 'node:fs'
export async function resolve(specifier, context, next) {
  const found = await next(specifier, context)
  appendFileSync(process.env.MODULES, found.url + '\\\\n')
  return found
}
\`))
`

/** The packages that a run imports. */
async function packagesOf(
  args: readonly string[],
  cwd = newFolder(),
  env: Record<string, string> = {},
): Promise<string[]> {
  const hook = join(cwd, 'hook.mjs')
  const modules = join(cwd, 'modules')
  writeFileSync(hook, HOOK)
  writeFileSync(modules, '')
  const { code, stderr } = await runProgram(args, {
    cwd,
    env: { ...env, NODE_OPTIONS: `--import ${hook}`, MODULES: modules },
  })
  expect(`${code} ${stderr}`).toMatch(/^0 /)
  expect(stderr).not.toContain('Warning')
  const names = [...readFileSync(modules, 'utf8').matchAll(/\/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//g)]
  return [...new Set(names.map(([, name]) => name as string))].sort()
}

const EVENT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"}\n'

const VENDORS = /^(?:@aws-sdk|@google-cloud|@azure|@smithy|@duckdb)\//

it('help needs no client and no engine', async () => {
  const packages = await packagesOf(['--help'])
  expect(packages).toContain('commander')
  expect(packages.filter((name) => VENDORS.test(name))).toEqual([])
})

it('loading a folder into DuckDB imports the engine and no client of a cloud', async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'a.ndjson'), EVENT)
  const packages = await packagesOf(['load', '--from', 'a.ndjson'], cwd)
  expect(packages.filter((name) => VENDORS.test(name))).toEqual(['@duckdb/node-api'])
})

it('loading from S3 imports its client and no other, and the client warns of nothing', async () => {
  const s3 = await startS3({ buckets: ['logs'] })
  s3.put('logs', 'wandb-audit-logs/a.ndjson', Buffer.from(EVENT))
  const login = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local-secret' }
  const packages = await packagesOf(['load', '--from', `s3://logs?endpoint=${s3.url}`], newFolder(), login)
  await s3.close()
  expect(packages.filter((name) => VENDORS.test(name))).toEqual(['@aws-sdk/client-s3', '@duckdb/node-api'])
})
