/**
 * Loaded into the built program before it: kills both its processes at the step of the work that KILL_AT names, before it is
 * taken ("7") or just when it has begun ("7+"). A step is what lasts: a statement on a database file, a Parquet file, a change of
 * names in the file system. A process that lives on writes how many there were.
 */

import { writeSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { DuckDBConnection } from '@duckdb/node-api'

const LASTING = /^\s*(?:ATTACH|DETACH|COMMIT|COPY|(?:INSERT INTO|MERGE INTO|UPDATE|DELETE FROM) sink\.)/

const { KILL_AT = '' } = process.env
const last = Number.parseInt(KILL_AT, 10)
let steps = 0

function kill() {
  process.kill(process.ppid, 'SIGKILL')
  process.kill(process.pid, 'SIGKILL')
}

function counted(holder, name, lasts = () => true) {
  const original = holder[name]
  holder[name] = function (...given) {
    const isLast = lasts(...given) && ++steps === last
    if (isLast && !KILL_AT.endsWith('+')) kill()
    const running = original.apply(this, given)
    if (isLast) kill()
    return running
  }
}

// Not in the process that only starts the other one.
if (process.send !== undefined) {
  counted(DuckDBConnection.prototype, 'run', (sql) => LASTING.test(sql))
  for (const name of ['rename', 'link', 'symlink', 'rm']) counted(fs, name)
  syncBuiltinESMExports()
  process.on('exit', () => writeSync(2, `steps: ${steps}\n`))
}
