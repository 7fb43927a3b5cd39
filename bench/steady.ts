/**
 * What a schedule costs: one day of `load` every ten minutes, over the stand-in's clock, and a backfill of 90 days.
 *
 * Events are counted where they pass: as the stand-in sends them, and as the sink takes a batch.
 *
 *     npx tsx bench/steady.ts [events a day]
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bigquerySink } from '../sinks/bigquery/index.js'
import { duckdbSink } from '../sinks/duckdb/index.js'
import { parquetSink } from '../sinks/parquet/index.js'
import type { DayRange, Sink, Source } from '../src/contract.js'
import { startWandbApi } from '../src/demo/wandb-api.js'
import type { Logger } from '../src/log.js'
import { run } from '../src/pipeline.js'
import { apiSource } from '../src/sources/api/source.js'
import { Engine } from '../src/transform/engine.js'
import { startBigQuery } from '../test/emulators/bigquery/server.js'

const DAY_MS = 86_400_000
const RUNS = 144
const BACKFILL_DAYS = 90
const DAY = Date.parse('2026-03-05')
const MEMORY_BYTES = 1e9
const BATCH_BYTES = 256 << 20

const eventsPerDay = Number(process.argv[2] ?? 20_000)
if (!Number.isSafeInteger(eventsPerDay) || eventsPerDay < 1) {
  process.stderr.write('usage: npx tsx bench/steady.ts [events a day]\n')
  process.exit(2)
}

interface Counts {
  staged: number
  commits: number
}

const nothing = (): void => {}
const warn = (error: unknown): unknown => process.stderr.write(`${JSON.stringify(error)}\n`)
const logger: Logger = { info: nothing, warn, error: warn, debug: nothing }
const progress = {
  ...{ start: nothing, landed: nothing, landedDocument: nothing, transformed: nothing, loaded: nothing },
  ...{ write: nothing, stop: nothing },
}

const countedSink = (sink: Sink, counts: Counts): Sink => ({
  ...sink,
  prepare: () => sink.prepare(),
  receipts: (source) => sink.receipts(source),
  async load(batch, signal) {
    counts.staged += batch.rowsRead
    counts.commits++
    return sink.load(batch, signal)
  },
})

async function runOnce(
  source: Source,
  range: DayRange | null,
  sink: Sink,
  engine: Engine,
  folder: string,
  counts: Counts,
): Promise<void> {
  const summary = await run({
    jobs: [{ source, range, refetch: false }],
    sinks: [countedSink(sink, counts)],
    ...{ engine, folder, logger, progress, loaderVersion: 'bench', signal: new AbortController().signal },
    batchBytes: sink.batchBytes ?? BATCH_BYTES,
  })
  await source.close()
  const [failure] = summary.failed
  if (failure !== undefined) throw new Error(failure.error)
}

const empty = (): Counts => ({ staged: 0, commits: 0 })
const credentials = { username: 'api', key: 'local-demo-key' }
const row = (...cells: readonly (string | number)[]): unknown =>
  process.stdout.write(`${cells.map((cell) => String(cell).padStart(14)).join('')}\n`)

/** The day before is loaded first, in runs of the same schedule, so that what is counted is the steady state. */
async function steadyDay(dialect: 'classic' | 'current', folder: string): Promise<void> {
  let at = DAY - DAY_MS
  const now = (): Date => new Date(at)
  const api = await startWandbApi({ dialect, eventsPerDay, now })
  const sink = duckdbSink(join(folder, `${dialect}.duckdb`), { waitMs: 1000, onWait: nothing })
  const engine = await Engine.start({ memoryBytes: MEMORY_BYTES, folder })
  let counts = empty()
  let requests = 0
  let transferred = 0
  let started = performance.now()
  for (let i = 0; i < 2 * RUNS; i++) {
    at += DAY_MS / RUNS
    if (i === RUNS) {
      counts = empty()
      requests = api.requests.length
      transferred = api.events
      started = performance.now()
    }
    const source = apiSource({ baseUrl: api.url, credentials, overlapMs: DAY_MS, now })
    await runOnce(source, null, sink, engine, folder, counts)
  }
  const times = (events: number): string => `${(events / eventsPerDay).toFixed(2)} ×`
  row(
    dialect,
    times(api.events - transferred),
    times(counts.staged),
    counts.commits,
    api.requests.length - requests,
    seconds(started),
  )
  engine.close()
  await sink.close()
  await api.close()
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1)

async function backfill(name: string, sink: Sink, folder: string): Promise<void> {
  const now = (): Date => new Date(DAY + DAY_MS / 2)
  const api = await startWandbApi({ eventsPerDay: Math.ceil(eventsPerDay / 10), now })
  const engine = await Engine.start({ memoryBytes: MEMORY_BYTES, folder })
  await sink.prepare()
  const counts = empty()
  const started = performance.now()
  const source = apiSource({ baseUrl: api.url, credentials, now })
  await runOnce(
    source,
    { from: new Date(DAY - BACKFILL_DAYS * DAY_MS), to: new Date(DAY) },
    sink,
    engine,
    folder,
    counts,
  )
  row(name, counts.commits, api.requests.length, seconds(started))
  engine.close()
  await sink.close()
  await api.close()
}

const folder = await mkdtemp(join(tmpdir(), 'wandb-audit-bench-'))
const bigquery = await startBigQuery()
try {
  process.stdout.write(`A day of ${RUNS} runs, ${eventsPerDay} events:\n`)
  row('dialect', 'transferred', 'staged', 'commits', 'requests', 'seconds')
  for (const dialect of ['current', 'classic'] as const) await steadyDay(dialect, folder)
  process.stdout.write(`\nA backfill of ${BACKFILL_DAYS} days, ${Math.ceil(eventsPerDay / 10)} events each:\n`)
  row('sink', 'commits', 'requests', 'seconds')
  await backfill('DuckDB', duckdbSink(join(folder, 'backfill.duckdb'), { waitMs: 1000, onWait: nothing }), folder)
  await backfill('lake', await parquetSink(`parquet:${join(folder, 'lake')}`, new AbortController().signal), folder)
  const address = `bigquery://${bigquery.project}/audit?endpoint=${bigquery.url}`
  await backfill('BigQuery', bigquerySink(address, { signal: new AbortController().signal, onNotice: nothing }), folder)
} finally {
  await bigquery.close()
  await rm(folder, { recursive: true, force: true })
}
