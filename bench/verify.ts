/**
 * What proving a sink costs: `verify --to` by digests and row by row, at the default limit of memory, beside the load it proves.
 *
 *     npx tsx bench/verify.ts [events]
 */

import { rm, statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { madeFiles } from './made-file.js'
import { measure, type Usage } from './measure.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const LOADER = here('../bin/wandb-audit')
const DATA = here('./data')
const FILE = `${DATA}/verified.duckdb`
const ARCHIVE = `${DATA}/verified-archive`
/** Of the input, the sink, the archive, and the copy that `verify` makes of the sink. */
const DISK_BYTES_AN_EVENT = 800

const events = Number(process.argv[2] ?? 1_000_000)
if (!Number.isSafeInteger(events) || events < 1 || process.platform !== 'linux') {
  process.stderr.write('usage, on Linux: npx tsx bench/verify.ts [events]\n')
  process.exit(2)
}

async function requireDisk(): Promise<void> {
  const { bavail, bsize } = await statfs(here('.'))
  if (bavail * bsize > events * DISK_BYTES_AN_EVENT) return
  process.stderr.write(`${events} events need ${((events * DISK_BYTES_AN_EVENT) / 1e9).toFixed(1)} GB of disk\n`)
  process.exit(1)
}

/** A load whose counts prove that it did what is measured. */
async function load(from: string): Promise<Usage> {
  const args = ['load', '--from', from, '--to', `duckdb:${FILE}`, '--archive', ARCHIVE, '--quiet', '--output', 'json']
  const { usage, stdout } = await measure(LOADER, args)
  if (JSON.parse(stdout).sinks[0].inserted !== events) throw new Error(`expected ${events} new: ${stdout}`)
  return usage
}

/** Its exit code, and so `measure`, says whether anything differs. */
const verify = async (...how: readonly string[]): Promise<Usage> =>
  (await measure(LOADER, ['verify', ARCHIVE, '--to', `duckdb:${FILE}`, '--quiet', ...how])).usage

async function removeResults(): Promise<void> {
  await rm(ARCHIVE, { recursive: true, force: true })
  for (const end of ['', '.wal']) await rm(FILE + end, { force: true })
}

await requireDisk()
const { path, bytes } = await madeFiles(DATA, events)
await removeResults()
const usages: Readonly<Record<string, Usage>> = {
  'load --archive': await load(path),
  verify: await verify(),
  'verify --deep': await verify('--deep'),
}
await removeResults()

const cells = (...texts: readonly string[]): string => texts.map((text) => text.padStart(14)).join('')
process.stdout.write(
  `${events} events of 30 days, ${(bytes / 1e6).toFixed(0)} MB, ${availableParallelism()} threads, ` +
    `Node ${process.versions.node}\n\n${''.padEnd(18)}${cells('wall s', 'CPU s', 'CPU µs/event', 'peak MB')}\n`,
)
for (const [step, { wallSeconds, cpuSeconds, peakBytes }] of Object.entries(usages)) {
  const figures = [wallSeconds, cpuSeconds, (cpuSeconds / events) * 1e6, peakBytes / 1e6]
  process.stdout.write(`${step.padEnd(18)}${cells(...figures.map((figure) => figure.toFixed(1)))}\n`)
}
