/**
 * What a bucket of many small objects costs: time, memory, requests and transactions of a first load and of a second one
 * that finds nothing new. The bucket is the stand-in of S3 on this machine, so the network is not in the figures.
 *
 *     npx tsx bench/bucket.ts [objects] [lines an object]
 */

import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { madeDay } from '../src/demo/made-logs.js'
import { startS3 } from '../test/emulators/s3.js'
import { measure } from './measure.js'

const LOADER = fileURLToPath(new URL('../bin/wandb-audit', import.meta.url))
const DATA = fileURLToPath(new URL('./data', import.meta.url))
const AUDIT_FILE = `${DATA}/bucket.duckdb`
const BUCKET = 'instance'

const [objects = 10_000, lines = 100] = process.argv.slice(2).map(Number)
if (!Number.isSafeInteger(objects * lines) || objects < 1 || lines < 1 || process.platform !== 'linux') {
  process.stderr.write('usage, on Linux: npx tsx bench/bucket.ts [objects] [lines an object]\n')
  process.exit(2)
}

/** Files of ten minutes, as an instance writes them: 144 a day. */
function* contents(): Generator<string> {
  let content = ''
  let count = 0
  for (let day = Date.UTC(2026, 0, 1); ; day += 86_400_000) {
    for (const event of madeDay(1, day, 144 * lines)) {
      content += `${JSON.stringify(event)}\n`
      if (++count % lines !== 0) continue
      yield content
      content = ''
    }
  }
}

const s3 = await startS3({ buckets: [BUCKET] })
let place = 0
for (const content of contents()) {
  s3.put(BUCKET, `wandb-audit-logs/${String(place).padStart(8, '0')}.json`, Buffer.from(content))
  if (++place === objects) break
}

async function load(what: string): Promise<void> {
  const before = s3.requests.length
  const args = ['load', '--from', `s3://${BUCKET}?endpoint=${s3.url}`, '--to', `duckdb:${AUDIT_FILE}`, '--quiet']
  const { usage, stdout } = await measure(LOADER, [...args, '--output', 'json'])
  const { documents, skipped, sinks } = JSON.parse(stdout)
  const asked = new Map<string, number>()
  for (const { action } of s3.requests.slice(before)) asked.set(action, (asked.get(action) ?? 0) + 1)
  process.stdout.write(
    `${what}: ${usage.wallSeconds.toFixed(1)} s, ${usage.cpuSeconds.toFixed(1)} CPU s, peak ${(usage.peakBytes / 1e6).toFixed(0)} MB; ` +
      `${documents} documents, ${skipped} skipped, ${sinks[0].inserted} events inserted; ` +
      `requests: ${[...asked].map(([action, count]) => `${count} ${action}`).join(', ')}\n`,
  )
}

Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_REGION: s3.region })
await rm(AUDIT_FILE, { force: true })
await load('first load')
await load('second load')
const { stdout } = await measure(LOADER, [
  'query',
  'SELECT count(*) AS batches FROM audit_loads',
  '--to',
  `duckdb:${AUDIT_FILE}`,
  '--format',
  'csv',
])
process.stdout.write(`transactions of the sink: ${stdout.split('\n')[1]}\n`)
await rm(AUDIT_FILE, { force: true })
await s3.close()
