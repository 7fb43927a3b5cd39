/**
 * How fast and how large a load of one window of the W&B API is, beside a load of a file with the same events and the
 * bare transfer, in the same run. What the three take of the machine's cores includes the stand-in's own share.
 *
 *     npx tsx bench/api.ts [events] [--memory 1GB]
 */

import { createWriteStream } from 'node:fs'
import { mkdir, rm, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { madeDay } from '../src/demo/made-logs.js'
import { startWandbApi } from '../src/demo/wandb-api.js'
import { measure, type Usage } from './measure.js'
import { inRounds, printTable } from './steps.js'

const SEED = 1
const KEY = 'local-demo-key'
const [DAY, NEXT_DAY] = ['2026-01-01', '2026-01-02']
const LINES_A_PIECE = 1000

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const LOADER = here('../bin/wandb-audit')
const TRANSFER = here('./transfer.mjs')
const DATA = here('./data')
const FILE = `${DATA}/one-day.ndjson`
const AUDIT_FILE = `${DATA}/audit.duckdb`

const { positionals, values } = parseArgs({ allowPositionals: true, options: { memory: { type: 'string' } } })
const events = Number(positionals[0] ?? 2_000_000)
if (!Number.isSafeInteger(events) || events < 1 || process.platform !== 'linux') {
  process.stderr.write('usage, on Linux: npx tsx bench/api.ts [events] [--memory 1GB]\n')
  process.exit(2)
}

function* pieces(): Generator<string> {
  let piece: string[] = []
  for (const event of madeDay(SEED, Date.parse(DAY), events)) {
    piece.push(`${JSON.stringify(event)}\n`)
    if (piece.length < LINES_A_PIECE) continue
    yield piece.join('')
    piece = []
  }
  yield piece.join('')
}

const removeResult = async (): Promise<void> => {
  for (const end of ['', '.wal']) await rm(AUDIT_FILE + end, { force: true })
}

/** Into an empty database; its counts prove that it did what is measured. */
async function load(...command: readonly string[]): Promise<Usage> {
  await removeResult()
  const memory = ['--memory', values.memory ?? '1GB']
  const { usage, stdout } = await measure(LOADER, [
    ...command,
    ...['--to', `duckdb:${AUDIT_FILE}`, '--quiet', '--output', 'json', ...memory],
  ])
  const [counts] = (JSON.parse(stdout) as { sinks: { inserted: number }[] }).sinks
  if (counts?.inserted !== events) throw new Error(`expected ${events} inserted, but the load did ${stdout}`)
  return usage
}

await mkdir(DATA, { recursive: true })
await pipeline(Readable.from(pieces()), createWriteStream(FILE))
const { size: bytes } = await stat(FILE)
const api = await startWandbApi({ seed: SEED, eventsPerDay: events, key: KEY })
process.env.WANDB_API_KEY = KEY
try {
  const window = `${api.url}/admin/audit_logs?startDate=${DAY}&endDate=${NEXT_DAY}&limit=20000`
  const usages = await inRounds(
    {
      'bare transfer': async () => (await measure(TRANSFER, [window, KEY])).usage,
      'load a file': () => load('load', '--from', FILE),
      'load the window': () => load('backfill', '--since', DAY, '--until', NEXT_DAY, '--from', api.url),
    },
    removeResult,
  )
  const [transfer, file] = [...usages.values()] as [Usage, Usage]
  printTable({ lines: events, bytes }, usages, {
    wallSeconds: transfer.wallSeconds + file.wallSeconds,
    cpuSeconds: transfer.cpuSeconds + file.cpuSeconds,
  })
  process.stdout.write('\nx: against transfer and file together\n')
} finally {
  await api.close()
  await removeResult()
  await rm(FILE, { force: true })
}
