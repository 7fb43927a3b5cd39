/** A run that ends at any request, before or after it took effect: the next run ends in the same tables. */

import { expect, it, onTestFinished } from 'vitest'
import type { Sink } from '../../../src/contract.js'
import { Refusal } from '../../emulators/redshift/refusals.js'
import { startS3 } from '../../emulators/s3.js'
import { batchOf, documentOf, loadInto, ndjson, never, newEngine } from '../../support/load.js'
import { contentOf, rowsOf } from '../../support/rows.js'
import { openSink } from './open.js'
import { addressOf, BUCKET, newSchema, newSink, standIns } from './support.js'

const on = standIns()

const BARE = { timestamp: '2026-10-01T12:34:56Z', action: 'project:read', project_asset: 12 }
const BEFORE = { before: ndjson({ ...BARE, text: 'before' }) }
const DOCUMENTS = {
  a: ndjson({ ...BARE, project_name: 'baseline', text: 'a' }, { ...BARE, project_asset: 13 }, 'no'.repeat(10_000)),
  b: ndjson({ ...BARE, project_name: 'other', text: 'b' }, { ...BARE, project_asset: 13, long: 'x'.repeat(60_000) }),
}

const everything = async (sink: Sink) => ({
  ...(await contentOf(sink)),
  parts: await rowsOf(sink, 'SELECT id, part, text FROM audit_parts ORDER BY id, part'),
  pieces: await rowsOf(sink, 'SELECT reject_id, piece, "raw" FROM audit_reject_pieces ORDER BY reject_id, piece'),
  conflicts: await rowsOf(sink, 'SELECT conflict_id, kept, other, events FROM audit_conflicts ORDER BY conflict_id'),
  receipts: await rowsOf(
    sink,
    'SELECT source, document, sha256, rows_read, rejected FROM audit_documents ORDER BY document',
  ),
})

/** Loads in one run that `die` ends, and then in another; tells whether the first one came to its end all the same. */
async function endsTheSame(die: () => Promise<void> | void, live: () => void): Promise<boolean> {
  const schema = newSchema()
  const sink = await newSink(on, schema)
  await loadInto(sink, BEFORE)
  await sink.close()
  await die()
  const dying = openSink(addressOf(on, schema))
  const survived = await loadInto(dying, DOCUMENTS).then(
    () => true,
    () => false,
  )
  live()
  await dying.close()
  const next = openSink(addressOf(on, schema))
  await loadInto(next, DOCUMENTS)
  expect(await everything(next)).toEqual(await expected())
  const off = 'SELECT load_id FROM audit_loads WHERE rows_read <> inserted + enriched + unchanged + rejected'
  expect(await rowsOf(next, off)).toEqual([])
  await next.close()
  return survived
}

let undisturbed: ReturnType<typeof everything> | undefined
function expected(): ReturnType<typeof everything> {
  undisturbed ??= (async () => {
    const sink = await newSink(on)
    await loadInto(sink, BEFORE)
    await loadInto(sink, DOCUMENTS)
    const all = await everything(sink)
    await sink.close()
    return all
  })()
  return undisturbed
}

const dead = (): never => {
  throw new Refusal('AccessDeniedException', 'the run is over')
}

it.each(['onRequest', 'onEffect'] as const)(
  'at any request to Redshift (%s)',
  async (hook) => {
    let survived = false
    let request = 0
    while (!survived) {
      request++
      survived = await endsTheSame(
        () => {
          let requests = 0
          on.redshift[hook] = () => void (++requests < request || dead())
        },
        () => {
          on.redshift[hook] = () => {}
        },
      )
    }
    // Looking and preparing, receipts, the load, its counts.
    expect(request).toBeGreaterThan(10)
  },
  300_000,
)

it('at any request to S3', async () => {
  const first = on.s3
  onTestFinished(() => {
    on.s3 = first
  })
  for (let request = 0; request < 10; request++) {
    const s3 = await startS3({ buckets: [BUCKET] })
    const survived = await endsTheSame(
      () => {
        on.s3 = s3
        if (request > 0) s3.fail({ kind: 'before', run() {}, times: request })
        s3.fail({ kind: 'refuse', code: 'AccessDenied', times: Number.POSITIVE_INFINITY })
      },
      () => {
        on.s3 = first
      },
    )
    // Five files are written; that they cannot be removed is no failure.
    expect(survived).toBe(request >= 5)
    expect(s3.keys(BUCKET)).toHaveLength(Math.min(request, 10 - request))
    await s3.close()
  }
}, 300_000)

it('at any statement of the transaction: nothing of it stays', async () => {
  const schema = newSchema()
  const sink = await newSink(on, schema)
  await loadInto(sink, BEFORE)
  const before = await everything(sink)
  const engine = await newEngine()
  let failing = 0
  for (let survived = false; !survived; failing++) {
    let statements = 0
    on.redshift.onStatement = (sql) => {
      if (/^LOCK/.test(sql)) statements = 0
      if (statements++ === failing && on.redshift.statements.at(-1)?.parts.some((part) => /^COPY/.test(part.sql))) {
        throw new Error('on request')
      }
    }
    const documents = Object.entries(DOCUMENTS).map(([id, content]) => documentOf(id, content))
    survived = await sink.load(await batchOf(engine, documents), never).then(
      () => true,
      () => false,
    )
    on.redshift.onStatement = () => {}
    expect(await everything(sink)).toEqual(survived ? await expected() : before)
  }
  expect(failing).toBeGreaterThan(30)
  await sink.close()
}, 300_000)
