/**
 * What a run of 3,000 new events costs in a DuckDB file that holds many, with and without one stray old event, beside the
 * same run into an empty file; and what `status` costs there.
 *
 *     npx tsx bench/large.ts [events]
 */

import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { madeDay } from '../src/demo/made-logs.js'
import { FIRST_DAY } from './made-file.js'
import { measure, type Usage } from './measure.js'
import { inRounds } from './steps.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const LOADER = here('../bin/wandb-audit')
const DATA = here('./data')
const NEW_EVENTS = 3000
/** The last of the made days is the one before the new events. */
const DAYS = 400
const RUNS_A_DAY = 144

const events = Number(process.argv[2] ?? 20_000_000)
if (!Number.isSafeInteger(events) || events < DAYS || process.platform !== 'linux') {
  process.stderr.write(`usage, on Linux: npx tsx bench/large.ts [events, ${DAYS} at least]\n`)
  process.exit(2)
}
const LARGE = `${DATA}/large-${events}.duckdb`
const EMPTY = `${DATA}/empty.duckdb`
const NEW = `${DATA}/new.ndjson`

const remove = async (file: string): Promise<void> => {
  for (const end of ['', '.wal']) await rm(file + end, { force: true })
}

/** Makes the file, unless it is there already: every day with as many events, a receipt and 144 loads. */
async function makeLarge(): Promise<void> {
  if ((await stat(LARGE).catch(() => null)) !== null) return
  const part = `${LARGE}.part`
  await remove(part)
  await writeFile(NEW, '')
  await measure(LOADER, ['load', '--from', NEW, '--to', `duckdb:${part}`, '--quiet'])
  const instance = await DuckDBInstance.create(part, { memory_limit: '4GB' })
  const connection = await instance.connect()
  const start = (FIRST_DAY - (DAYS - 1) * 86_400_000) * 1000
  const step = Math.floor((DAYS * 86_400_000_000) / events)
  const document = `'https://acme.wandb.io/admin/audit_logs?day=' || strftime(make_timestamp(us), '%Y-%m-%d')`
  await connection.run(`
    INSERT INTO audit_events BY NAME
    SELECT make_timestamptz(us) AS "timestamp", ['artifact:read', 'run:update', 'project:read', 'user:login'][1 + i % 4] AS action,
      CAST(hash(i) % 500 AS VARCHAR) AS actor_user_id, 200 AS response_code, CAST(hash(i + 1) % 100000 AS VARCHAR) AS artifact_asset,
      CAST(hash(i + 2) % 300 AS VARCHAR) AS project_asset, '0.19.1' AS cli_version, '10.0.0.' || hash(i) % 250 AS actor_ip,
      CASE WHEN i % 10 = 0 THEN '{"run_asset":"' || i % 1000 || '"}' END AS extra, sha256(CAST(i AS VARCHAR)) AS content_hash,
      ${document} AS source_document, i % 20000 AS source_line, 'made' AS load_id, make_timestamptz(us) AS loaded_at
    FROM (SELECT range AS i, ${start} + range * ${step} AS us FROM range(${events}))`)
  await connection.run(`
    INSERT INTO audit_documents BY NAME
    SELECT 'https://acme.wandb.io' AS source, ${document} AS document, 'final' AS document_version, '' AS sha256, 0 AS bytes,
      make_timestamptz(us) AS range_from, make_timestamptz(us + 86400000000) AS range_to, ${Math.floor(events / DAYS)} AS rows_read,
      0 AS rejected, 'made' AS load_id, make_timestamptz(us + 86400000000) AS loaded_at
    FROM (SELECT ${start} + range * 86400000000 AS us FROM range(${DAYS}))`)
  await connection.run(`
    INSERT INTO audit_loads BY NAME
    SELECT 'made-' || range AS load_id, 1 AS documents, 1000 AS rows_read, 1000 AS inserted, 0 AS enriched, 0 AS unchanged,
      0 AS rejected, make_timestamptz(${start}) AS started_at, make_timestamptz(${start}) AS finished_at, 'made' AS loader_version
    FROM range(${DAYS * RUNS_A_DAY})`)
  connection.closeSync()
  instance.closeSync()
  await rename(part, LARGE)
}

let seed = Date.now()

/** Events of ten minutes that no file holds yet. */
async function writeNew(stray: boolean): Promise<void> {
  seed++
  const made = Array.from(madeDay(seed % 2 ** 31, FIRST_DAY, NEW_EVENTS), (event, i) => ({
    ...event,
    timestamp: new Date(FIRST_DAY + 43_200_000 + (i % 600) * 1000).toISOString(),
    extra_id: `${seed}-${i}`,
  }))
  if (stray && made[0] !== undefined) made[0].timestamp = '2020-02-02T02:02:02Z'
  await writeFile(NEW, made.map((event) => `${JSON.stringify(event)}\n`).join(''))
}

/** A load whose counts prove that it did what is measured. */
async function load(file: string, stray: boolean): Promise<Usage> {
  await writeNew(stray)
  if (file === EMPTY) await remove(EMPTY)
  const { usage, stdout } = await measure(LOADER, [
    ...['load', '--from', NEW, '--to', `duckdb:${file}`, '--quiet', '--output', 'json'],
  ])
  if (JSON.parse(stdout).sinks[0].inserted !== NEW_EVENTS) throw new Error(`expected ${NEW_EVENTS} new: ${stdout}`)
  return usage
}

await mkdir(DATA, { recursive: true })
await makeLarge()
const { size } = await stat(LARGE)
const usages = await inRounds(
  {
    'into an empty file': () => load(EMPTY, false),
    'into the large file': () => load(LARGE, false),
    'empty, one stray': () => load(EMPTY, true),
    'large, one stray': () => load(LARGE, true),
    status: async () => (await measure(LOADER, ['status', '--to', `duckdb:${LARGE}`])).usage,
  },
  async () => {},
)
await remove(EMPTY)
await rm(NEW, { force: true })

process.stdout.write(
  `${NEW_EVENTS} new events, ${events} in the file (${(size / 1e6).toFixed(0)} MB), ${availableParallelism()} threads, ` +
    `Node ${process.versions.node}, medians\n\n${''.padEnd(22)}${['wall s', 'CPU s', 'peak MB'].map((text) => text.padStart(10)).join('')}\n`,
)
for (const [step, { wallSeconds, cpuSeconds, peakBytes }] of usages) {
  const figures = [wallSeconds.toFixed(2), cpuSeconds.toFixed(2), (peakBytes / 1e6).toFixed(0)]
  process.stdout.write(`${step.padEnd(22)}${figures.map((text) => text.padStart(10)).join('')}\n`)
}
