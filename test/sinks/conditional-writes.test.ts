/** A store that ignores conditional writes is refused before anything is loaded, whichever store it is. */

import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openSink } from '../../sinks/index.js'
import { ACCOUNT } from '../emulators/azurite.js'
import { countsOf, loadInto, ndjson, never } from '../support/load.js'
import { storePlaces } from '../support/store-places.js'

const stores = storePlaces({ buckets: ['lakes'] }, { buckets: ['lakes'] }, 'lakes')

interface Place {
  readonly address: string
  /** The next two writes are carried out whatever this condition says. */
  ignoreTwice(header: 'if-match' | 'if-none-match'): void
  faultsLeft(): number
}

const PLACES: readonly [string, (name: string) => Place][] = [
  [
    'S3',
    (name) => ({
      address: `parquet+s3://lakes/${name}?endpoint=${stores.s3.url}`,
      ignoreTwice: (header) => stores.s3.fail({ kind: 'unconditional', header, action: 'PutObject', times: 2 }),
      faultsLeft: () => stores.s3.faultsLeft,
    }),
  ],
  [
    'Google Cloud Storage',
    (name) => ({
      address: `parquet+gs://lakes/${name}?endpoint=${stores.gcs.url}`,
      ignoreTwice: (header) => stores.gcs.fail({ kind: 'unconditional', header, action: 'write', times: 2 }),
      faultsLeft: () => stores.gcs.faultsLeft,
    }),
  ],
  ...(['parquet+az', 'fabric'] as const).map((scheme): [string, (name: string) => Place] => [
    scheme === 'fabric' ? 'OneLake' : 'Azure Blob Storage',
    (name) => ({
      address: `${scheme === 'fabric' ? 'fabric://' : `parquet+az://${ACCOUNT}/`}lakes/${name}?endpoint=${stores.azurite.endpoint}`,
      ignoreTwice: (header) => stores.azurite.fail({ kind: 'unconditional', header, action: 'write', times: 2 }),
      faultsLeft: () => stores.azurite.faultsLeft,
    }),
  ]),
]

describe.each(PLACES)('%s', (_name, placeOf) => {
  const EVENTS = { a: ndjson({ timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }) }

  it.each([
    ['if-none-match', 'only if it did not exist'],
    ['if-match', 'only over another version'],
  ] as const)('that ignores %s is refused, and nothing is loaded', async (header, says) => {
    const { address, ignoreTwice, faultsLeft } = placeOf(`lake-${randomUUID()}`)
    const sink = await openSink(address, { waitMs: 1, signal: never, onNotice() {} })
    await sink.prepare()
    ignoreTwice(header)
    const failure = await loadInto(sink, EVENTS).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      message: expect.stringContaining(says),
      advice: expect.stringContaining('conditional writes'),
      outside: true,
    })
    expect(faultsLeft()).toBe(0)
    expect(countsOf(await loadInto(sink, EVENTS))).toEqual([1, 0, 0, 0])
    await sink.close()
  })
})

it('costs three small requests a run, and is not proven anew for each batch', async () => {
  const sink = await openSink(`parquet+s3://lakes/cost?endpoint=${stores.s3.url}`, {
    waitMs: 1,
    signal: never,
    onNotice() {},
  })
  await sink.prepare()
  const before = stores.s3.requests.length
  const files = Object.fromEntries(
    ['a', 'b'].map((id) => [id, ndjson({ timestamp: '2026-10-01T12:34:56Z', action: `user:${id}` })]),
  )
  expect(await loadInto(sink, files, { batchBytes: 1 })).toMatchObject({ documents: 2 })
  const refused = stores.s3.requests
    .slice(before)
    .filter(({ action, status }) => action === 'PutObject' && status === 412)
  expect(refused.map(({ key }) => key)).toEqual(['cost/_wandb_audit.txt', 'cost/_wandb_audit.txt'])
  await sink.close()
})
