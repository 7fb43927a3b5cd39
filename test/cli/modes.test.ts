/** Whatever the user's own umask is, a run works, and nobody else can read what it wrote. */

import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inCheckout, ndjson, newFolder, widerThanOurs } from './support.js'

const PROGRAM = inCheckout('bin/wandb-audit')
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }

describe.each(['0000', '0022', '0277', '0777'])('with the umask %s', (umask) => {
  function folderAfter(...commands: readonly string[]): string {
    const cwd = newFolder()
    const logs = newFolder()
    writeFileSync(join(logs, 'a.ndjson'), ndjson(EVENT, '{cut'))
    writeFileSync(join(logs, 'wandb-audit.yaml'), 'quiet: true\n')
    for (const command of commands) {
      execFileSync('sh', ['-c', `umask ${umask}; exec "$0" "$1" ${command}`, process.execPath, PROGRAM], {
        cwd,
        env: { PATH: process.env.PATH, HOME: cwd, LOGS: logs },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
    }
    return cwd
  }

  it('a file of DuckDB, a lake and a query as Parquet', () => {
    const load = 'load --from "$LOGS/a.ndjson" --to duckdb:audit.duckdb --to parquet:lake'
    const cwd = folderAfter(load, 'query "FROM audit_events" --format parquet', 'status --to parquet:lake')
    expect(readdirSync(cwd)).toEqual(expect.arrayContaining(['audit.duckdb', 'lake', '.cache']))
    expect(widerThanOurs(cwd)).toEqual([])
  })

  it('a trust', () => {
    const cwd = folderAfter('trust "$LOGS/wandb-audit.yaml"')
    expect(readdirSync(join(cwd, '.config/wandb-audit/trusted'))).toHaveLength(1)
    expect(widerThanOurs(cwd)).toEqual([])
  })
})
