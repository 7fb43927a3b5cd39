/** A store that ignores conditional writes is refused before anything is loaded, whichever store it is. */

import { randomUUID } from 'node:crypto'
import { BlobServiceClient, ContainerSASPermissions, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openSink } from '../../sinks/index.js'
import { ACCOUNT, type Azurite, KEY, startAzurite } from '../emulators/azurite.js'
import { type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { type S3StandIn, startS3 } from '../emulators/s3.js'
import { countsOf, loadInto, ndjson, never } from '../support/load.js'

let s3: S3StandIn
let gcs: GcsStandIn
let azurite: Azurite

beforeAll(async () => {
  s3 = await startS3({ buckets: ['lakes'] })
  gcs = await startGcs({ buckets: ['lakes'] })
  azurite = await startAzurite({ containers: ['lakes'] })
}, 180_000)

afterAll(async () => {
  for (const server of [s3, gcs, azurite]) await server.close()
})

/** A SAS does not sign the conditions, so that the proxy can take them away. */
async function sas(): Promise<string> {
  const service = new BlobServiceClient(azurite.direct, new StorageSharedKeyCredential(ACCOUNT, KEY))
  const url = await service.getContainerClient('lakes').generateSasUrl({
    permissions: ContainerSASPermissions.parse('rcwdl'),
    expiresOn: new Date(Date.now() + 3_600_000),
  })
  return new URL(url).search
}

beforeEach(async () => {
  for (const name of ['AZURE_STORAGE_CONNECTION_STRING', 'AZURE_STORAGE_KEY', 'AZURE_STORAGE_ACCOUNT'])
    vi.stubEnv(name, '')
  vi.stubEnv('AZURE_STORAGE_SAS_TOKEN', await sas())
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, 'local')
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none')
})

afterEach(() => vi.unstubAllEnvs())

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
      address: `parquet+s3://lakes/${name}?endpoint=${s3.url}`,
      ignoreTwice: (header) => s3.fail({ kind: 'unconditional', header, action: 'PutObject', times: 2 }),
      faultsLeft: () => s3.faultsLeft,
    }),
  ],
  [
    'Google Cloud Storage',
    (name) => ({
      address: `parquet+gs://lakes/${name}?endpoint=${gcs.url}`,
      ignoreTwice: (header) => gcs.fail({ kind: 'unconditional', header, action: 'write', times: 2 }),
      faultsLeft: () => gcs.faultsLeft,
    }),
  ],
  ...(['parquet+az', 'fabric'] as const).map((scheme): [string, (name: string) => Place] => [
    scheme === 'fabric' ? 'OneLake' : 'Azure Blob Storage',
    (name) => ({
      address: `${scheme === 'fabric' ? 'fabric://' : `parquet+az://${ACCOUNT}/`}lakes/${name}?endpoint=${azurite.endpoint}`,
      ignoreTwice: (header) => azurite.fail({ kind: 'unconditional', header, action: 'write', times: 2 }),
      faultsLeft: () => azurite.faultsLeft,
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
  const sink = await openSink(`parquet+s3://lakes/cost?endpoint=${s3.url}`, { waitMs: 1, signal: never, onNotice() {} })
  await sink.prepare()
  const before = s3.requests.length
  const files = Object.fromEntries(
    ['a', 'b'].map((id) => [id, ndjson({ timestamp: '2026-10-01T12:34:56Z', action: `user:${id}` })]),
  )
  expect(await loadInto(sink, files, { batchBytes: 1 })).toMatchObject({ documents: 2 })
  const refused = s3.requests.slice(before).filter(({ action, status }) => action === 'PutObject' && status === 412)
  expect(refused.map(({ key }) => key)).toEqual(['cost/_wandb_audit.txt', 'cost/_wandb_audit.txt'])
  await sink.close()
})
