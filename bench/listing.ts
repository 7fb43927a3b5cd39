/**
 * What it costs to find what is new in a bucket of many objects: requests and time of the first listing, of the daily one
 * and of a run ten minutes later. The bucket is the stand-in of S3 on this machine, so the network is not in the figures. The
 * receipts are written into the DuckDB file directly, as loads would have left them.
 *
 *     npx tsx bench/listing.ts [objects]
 */

import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { blob } from '../test/emulators/s3/objects.js'
import { startS3 } from '../test/emulators/s3.js'
import { measure } from './measure.js'

const LOADER = fileURLToPath(new URL('../bin/wandb-audit', import.meta.url))
const AUDIT_FILE = fileURLToPath(new URL('./data/listing.duckdb', import.meta.url))
const BUCKET = 'instance'
const PREFIX = 'wandb-audit-logs/'
const STEP_MS = 600_000

const objects = Number(process.argv[2] ?? 300_000)
if (!Number.isSafeInteger(objects) || objects < 1 || process.platform !== 'linux') {
  process.stderr.write('usage, on Linux: npx tsx bench/listing.ts [objects]\n')
  process.exit(2)
}

const CONTENT = Buffer.from('{"timestamp":"2026-01-01T00:00:00Z","action":"user:login"}\n')
const now = Date.now()
const keyOf = (steps: number): string => `${PREFIX}${new Date(now - steps * STEP_MS).toISOString()}.json`

const s3 = await startS3({ buckets: [BUCKET] })
const put = (steps: number): void => s3.put(BUCKET, keyOf(steps), CONTENT)
put(objects)

async function run(what: string, ...args: readonly string[]): Promise<void> {
  const before = s3.requests.length
  const place = ['--from', `s3://${BUCKET}?endpoint=${s3.url}`, '--to', `duckdb:${AUDIT_FILE}`]
  const { usage, stdout } = await measure(LOADER, ['load', ...place, '--quiet', '--output', 'json', ...args])
  const { documents, skipped } = JSON.parse(stdout)
  const found = Array.isArray(documents) ? `${documents.length} to read` : `${documents} loaded`
  const listings = s3.requests.slice(before).filter(({ action }) => action === 'ListObjectsV2').length
  process.stdout.write(
    `${what}: ${listings} list requests, ${usage.wallSeconds.toFixed(1)} s; ${found}, ${skipped} skipped\n`,
  )
}

/** As if all objects had been loaded a year ago. */
async function plantReceipts(): Promise<void> {
  const instance = await DuckDBInstance.create(AUDIT_FILE)
  const connection = await instance.connect()
  const version = `${blob(CONTENT).etag.replaceAll('"', '')} ${CONTENT.length}`
  await connection.run(`
    INSERT INTO audit_documents BY NAME
    SELECT * EXCLUDE (i) REPLACE (
      's3://${BUCKET}/${PREFIX}' || strftime(make_timestamp((${now} - i * ${STEP_MS}) * 1000), '%Y-%m-%dT%H:%M:%S.%gZ.json') AS document,
      '${version}' AS document_version)
    FROM audit_documents, range(1, ${objects}) AS steps(i)`)
  connection.closeSync()
  instance.closeSync()
}

Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_REGION: s3.region })
await rm(AUDIT_FILE, { force: true })
await run('a first load, of the oldest object')
for (let steps = 1; steps < objects; steps++) put(steps)
await run('first listing', '--dry-run')
await plantReceipts()
await run('daily listing')
put(0)
await run('ten minutes later')
await run('nothing new')
await rm(AUDIT_FILE, { force: true })
await s3.close()
