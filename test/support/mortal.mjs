/**
 * Loaded into the built program before it: lines with certain words in them kill the process that reads them, as a fault of
 * native code would.
 */

import fs, { readFileSync, writeSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { DuckDBConnection } from '@duckdb/node-api'
import { Engine } from '../../dist/src/transform/engine.js'

const DEATHS = {
  'dies-of-segfault': () => process.kill(process.pid, 'SIGSEGV'),
  'dies-of-abort': () => process.abort(),
  'dies-of-exit': () => process.exit(7),
  'dies-of-heap': () => {
    for (const held = []; ; ) held.push(new Array(1e6).fill(held.length))
  },
}

function die(how) {
  writeSync(2, 'a process dies\n')
  DEATHS[how]()
}

function dieOf(text) {
  for (const how of Object.keys(DEATHS)) if (text.includes(how)) die(how)
  if (text.split('dies-of-pair').length > 2) die('dies-of-segfault')
}

const { run } = Engine.prototype
Engine.prototype.run = function (sql) {
  const [, paths] = /read_ndjson_objects\(\[(.*?)\]/.exec(sql) ?? []
  for (const path of paths?.split(', ') ?? []) dieOf(readFileSync(path.slice(1, -1), 'utf8'))
  return run.call(this, sql)
}

const { run: runStatement } = DuckDBConnection.prototype
DuckDBConnection.prototype.run = async function (sql, ...values) {
  const [, relation] = /INSERT INTO sink\.\S*audit_events[\s\S]* FROM (\w+) e/.exec(sql) ?? []
  if (relation !== undefined) {
    const found = await this.runAndReadAll(`SELECT 1 FROM ${relation} WHERE action = 'dies-in-sink' LIMIT 1`)
    if (found.currentRowCount > 0) die('dies-of-segfault')
  }
  return runStatement.call(this, sql, ...values)
}

/** Queries that have this word in them. */
const { DIES_OF_QUERY } = process.env
const { extractStatements } = DuckDBConnection.prototype
DuckDBConnection.prototype.extractStatements = function (sql) {
  if (DIES_OF_QUERY !== undefined && sql.includes(DIES_OF_QUERY)) die('dies-of-segfault')
  return extractStatements.call(this, sql)
}

const { createReadStream } = fs
fs.createReadStream = (path, ...options) => {
  if (String(path).includes('dies-when-read')) die('dies-of-segfault')
  return createReadStream(path, ...options)
}
syncBuiltinESMExports()
