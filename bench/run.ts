/**
 * How fast and how large a load is, beside plain DuckDB and a short DuckDB script reading the same file in the same run, and
 * beside ten loads of a tenth of the lines. On a machine that others use too, the ratio of CPU seconds is the steadier one.
 *
 *     npx tsx bench/run.ts [lines] [--memory 1GB]
 */

import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { madeFile } from './made-file.js'
import { measure, type Usage } from './measure.js'
import { inRounds, printTable } from './steps.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const LOADER = here('../bin/wandb-audit')
const PLAIN = here('./plain.mjs')
const SCRIPT = here('./script.mjs')
const DATA = here('./data')
const PLAIN_FILE = `${DATA}/plain.duckdb`
const SCRIPT_FILE = `${DATA}/script.duckdb`
const AUDIT_FILE = `${DATA}/audit.duckdb`
const ARCHIVED_FILE = `${DATA}/archived.duckdb`
const ARCHIVE = `${DATA}/archive`
const TENTH_FILE = `${DATA}/tenth.duckdb`

const { positionals, values } = parseArgs({ allowPositionals: true, options: { memory: { type: 'string' } } })
const lines = Number(positionals[0] ?? 1_000_000)
if (!Number.isSafeInteger(lines) || lines < 1 || process.platform !== 'linux') {
  process.stderr.write('usage, on Linux: npx tsx bench/run.ts [lines] [--memory 1GB]\n')
  process.exit(2)
}
const { path: input, bytes } = await madeFile(DATA, lines)
const tenth = Math.ceil(lines / 10)
const { path: tenthInput } = await madeFile(DATA, tenth)

/** A load whose counts prove that it did what is measured. */
async function load(
  expected: { readonly inserted: number; readonly unchanged: number },
  from = input,
  to = AUDIT_FILE,
  archive: readonly string[] = [],
): Promise<Usage> {
  const memory = values.memory === undefined ? [] : ['--memory', values.memory]
  const args = ['load', '--from', from, '--to', `duckdb:${to}`, '--quiet', '--output', 'json', ...memory, ...archive]
  const { usage, stdout } = await measure(LOADER, args)
  const [counts] = (JSON.parse(stdout) as { sinks: { inserted: number; unchanged: number }[] }).sinks
  if (counts?.inserted !== expected.inserted || counts.unchanged !== expected.unchanged) {
    throw new Error(`expected ${JSON.stringify(expected)}, but the load did ${stdout}`)
  }
  return usage
}

async function forgetReceipts(): Promise<void> {
  const instance = await DuckDBInstance.create(AUDIT_FILE)
  const connection = await instance.connect()
  await connection.run('DELETE FROM audit_documents')
  connection.closeSync()
  instance.closeSync()
}

const STEPS: Readonly<Record<string, () => Promise<Usage>>> = {
  'plain DuckDB': async () => (await measure(PLAIN, [input, PLAIN_FILE])).usage,
  'a script': async () => (await measure(SCRIPT, [input, SCRIPT_FILE])).usage,
  load: () => load({ inserted: lines, unchanged: 0 }),
  'load, archived': () => load({ inserted: lines, unchanged: 0 }, input, ARCHIVED_FILE, ['--archive', ARCHIVE]),
  'load again': () => load({ inserted: 0, unchanged: 0 }),
  'again, no receipt': async () => {
    await forgetReceipts()
    return load({ inserted: 0, unchanged: lines })
  },
  'load a tenth': () => load({ inserted: tenth, unchanged: 0 }, tenthInput, TENTH_FILE),
}

const removeResults = async (): Promise<void> => {
  await rm(ARCHIVE, { recursive: true, force: true })
  const files = [PLAIN_FILE, SCRIPT_FILE, AUDIT_FILE, ARCHIVED_FILE, TENTH_FILE]
  for (const file of files) for (const end of ['', '.wal']) await rm(file + end, { force: true })
}

const usages = new Map(await inRounds(STEPS, removeResults))
await removeResults()
const [whole, part] = ['load', 'load a tenth'].map((step) => usages.get(step)) as [Usage, Usage]
usages.delete('load a tenth')
printTable({ lines, bytes }, usages, usages.get('plain DuckDB') as Usage)
const times = (figure: (usage: Usage) => number): string => (figure(whole) / figure(part) / 10).toFixed(2)
const [wall, cpu] = [times((usage) => usage.wallSeconds), times((usage) => usage.cpuSeconds)]
process.stdout.write(`\nAgainst ten loads of ${tenth} lines: ${wall} times the wall time, ${cpu} times the CPU.\n`)
