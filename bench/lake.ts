/**
 * How fast the lakes, Parquet and Delta, are written, beside plain DuckDB writing one file of the same lines in the same run; and
 * what it costs to add ten minutes of events to a day that holds as many, beside plain DuckDB copying that day's file.
 *
 *     npx tsx bench/lake.ts [lines]
 */

import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { madeDay } from '../src/demo/made-logs.js'
import { FIRST_DAY, madeFile } from './made-file.js'
import { measure, type Usage } from './measure.js'
import { inRounds, printTable } from './steps.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const LOADER = here('../bin/wandb-audit')
const PLAIN = here('./plain-copy.mjs')
const DATA = here('./data')
const [TEN_MINUTES, PLAIN_FILE] = [`${DATA}/ten-minutes.ndjson`, `${DATA}/plain.parquet`]
const DAY = new Date(FIRST_DAY).toISOString().slice(0, 10)
const FORMATS = ['parquet', 'delta'] as const
type Format = (typeof FORMATS)[number]
const lakeOf = (format: Format, name: string): string => `${DATA}/${name}-${format}`
async function removeLakes(name: string): Promise<void> {
  for (const format of FORMATS) await rm(lakeOf(format, name), { recursive: true, force: true })
}

const lines = Number(process.argv[2] ?? 1_000_000)
if (!Number.isSafeInteger(lines) || lines < 1000 || process.platform !== 'linux') {
  process.stderr.write('usage, on Linux: npx tsx bench/lake.ts [lines, 1000 at least]\n')
  process.exit(2)
}

/** Events of ten minutes in the middle of the day, as many as the day's mean; none of them is there yet. */
function tenMinutes(): string {
  const noon = Array.from(madeDay(2, FIRST_DAY, Math.ceil(lines / 10)), (event, i) => ({
    ...event,
    actor_user_id: `new ${i}`,
    timestamp: new Date(FIRST_DAY + 43_200_000 + (i % 600) * 1000).toISOString(),
  }))
  return noon
    .slice(0, Math.round(lines / 144))
    .map((event) => `${JSON.stringify(event)}\n`)
    .join('')
}

/** A load whose counts prove that it did what is measured. */
async function load(input: string, format: Format, name: string, inserted: number): Promise<Usage> {
  const args = ['load', '--from', input, '--to', `${format}:${lakeOf(format, name)}`, '--quiet', '--output', 'json']
  const { usage, stdout } = await measure(LOADER, args)
  if (JSON.parse(stdout).sinks[0].inserted !== inserted) throw new Error(`expected ${inserted} new: ${stdout}`)
  return usage
}

/** One step for each format. */
const each = (what: string, work: (format: Format) => Promise<Usage>): Record<string, () => Promise<Usage>> =>
  Object.fromEntries(FORMATS.map((format) => [`${what}, ${format}`, () => work(format)]))

const dayFile = async (format: Format): Promise<string> => {
  const folder = `${lakeOf(format, 'full-day')}/audit_events/event_date=${DAY}`
  const [name, ...others] = await readdir(folder)
  if (name === undefined || others.length > 0) throw new Error(`${folder} has more than one file`)
  return `${folder}/${name}`
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
    ...each('load', (format) => load(file.path, format, 'lake', lines)),
  },
  () => removeLakes('lake'),
)
printTable({ lines, bytes: file.bytes }, month, month.get('plain COPY') as Usage)

let dayBytes = 0
const tenMore = await inRounds(
  {
    'plain copy': async () => (await measure(PLAIN, [await dayFile('parquet'), PLAIN_FILE])).usage,
    ...each('into the day', (format) => load(TEN_MINUTES, format, 'full-day', added)),
    ...each('into nothing', (format) => load(TEN_MINUTES, format, 'empty', added)),
  },
  async () => {
    await removeLakes('full-day')
    await removeLakes('empty')
    for (const format of FORMATS) await load(day.path, format, 'full-day', lines)
    dayBytes = (await stat(await dayFile('parquet'))).size
  },
)
process.stdout.write(`\n${added} events more in a day of ${lines} (${(dayBytes / 1e6).toFixed(0)} MB of Parquet):\n`)
printTable({ lines: lines + added, bytes: dayBytes }, tenMore, tenMore.get('plain copy') as Usage)
for (const format of FORMATS) {
  const [into, nothing] = ['the day', 'nothing'].map((where) => tenMore.get(`into ${where}, ${format}`))
  if (into === undefined || nothing === undefined) throw new Error(`${format} was not measured`)
  const [read, written] = [into.readBytes - nothing.readBytes, into.writtenBytes - nothing.writtenBytes]
  process.stdout.write(
    `${format}: read ${(read / 1e6).toFixed(2)} MB and wrote ${(written / 1e6).toFixed(2)} MB more than into an empty lake, ` +
      `${((100 * (read + written)) / (2 * dayBytes)).toFixed(1)} % of reading and writing the day\n`,
  )
}
for (const name of ['lake', 'full-day', 'empty']) await removeLakes(name)
for (const path of [TEN_MINUTES, PLAIN_FILE]) await rm(path, { force: true })
