/**
 * How fast a lake of Parquet is written, beside plain DuckDB writing one file of the same lines in the same run; and what it
 * costs to add ten minutes of events to a day that holds as many, beside plain DuckDB copying that day's file.
 *
 *     npx tsx bench/lake.ts [lines]
 */

import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { madeDay } from '../src/demo/made-logs.js'
import { FIRST_DAY, madeFile } from './made-file.js'
import { measure, type Usage } from './measure.js'
import { inRounds, printTable } from './steps.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const LOADER = here('../bin/wandb-audit')
const PLAIN = here('./plain-copy.mjs')
const DATA = here('./data')
const [LAKE, FULL_DAY, TEN_MINUTES, PLAIN_FILE] = ['lake', 'full-day', 'ten-minutes.ndjson', 'plain.parquet'].map(
  (name) => `${DATA}/${name}`,
) as [string, string, string, string]
const DAY_FILE = `${FULL_DAY}/audit_events/event_date=${new Date(FIRST_DAY).toISOString().slice(0, 10)}/events-00000001.parquet`

const lines = Number(process.argv[2] ?? 1_000_000)
if (!Number.isSafeInteger(lines) || lines < 1000 || process.platform !== 'linux') {
  process.stderr.write('usage, on Linux: npx tsx bench/lake.ts [lines, 1000 at least]\n')
  process.exit(2)
}

/** Events of ten minutes in the middle of the day, as many as the day's mean; none of them is there yet. */
function tenMinutes(): string {
  const noon = Array.from(madeDay(2, FIRST_DAY, Math.ceil(lines / 10)), (event, i) => ({
    ...event,
    timestamp: new Date(FIRST_DAY + 43_200_000 + (i % 600) * 1000).toISOString(),
  }))
  return noon
    .slice(0, Math.round(lines / 144))
    .map((event) => `${JSON.stringify(event)}\n`)
    .join('')
}

/** A load whose counts prove that it did what is measured. */
async function load(input: string, lake: string, inserted: number): Promise<Usage> {
  const args = ['load', '--from', input, '--to', `parquet:${lake}`, '--quiet', '--output', 'json']
  const { usage, stdout } = await measure(LOADER, args)
  if (JSON.parse(stdout).sinks[0].inserted !== inserted) throw new Error(`expected ${inserted} new: ${stdout}`)
  return usage
}

await mkdir(DATA, { recursive: true })
const file = await madeFile(DATA, lines)
const day = await madeFile(DATA, lines, 1)
const more = tenMinutes()
await writeFile(TEN_MINUTES, more)
const added = more.split('\n').length - 1

const month = await inRounds(
  {
    'plain COPY': async () => (await measure(PLAIN, [file.path, PLAIN_FILE])).usage,
    load: () => load(file.path, LAKE, lines),
  },
  () => rm(LAKE, { recursive: true, force: true }),
)
printTable({ lines, bytes: file.bytes }, month, month.get('plain COPY') as Usage)

let dayBytes = 0
const tenMore = await inRounds(
  {
    'plain copy': async () => (await measure(PLAIN, [DAY_FILE, PLAIN_FILE])).usage,
    'ten minutes more': () => load(TEN_MINUTES, FULL_DAY, added),
  },
  async () => {
    await rm(FULL_DAY, { recursive: true, force: true })
    await load(day.path, FULL_DAY, lines)
    dayBytes = (await stat(DAY_FILE)).size
  },
)
process.stdout.write(`\n${added} events more in a day of ${lines} (${(dayBytes / 1e6).toFixed(0)} MB of Parquet):\n`)
printTable({ lines: lines + added, bytes: dayBytes }, tenMore, tenMore.get('plain copy') as Usage)
for (const path of [LAKE, FULL_DAY, TEN_MINUTES, PLAIN_FILE]) await rm(path, { recursive: true, force: true })
