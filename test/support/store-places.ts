/** The stand-ins of the three object stores, and an environment whose log-ins they take. */

import { BlobServiceClient, ContainerSASPermissions, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest'
import { ACCOUNT, type Azurite, KEY, startAzurite } from '../emulators/azurite.js'
import { type GcsOptions, type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { type S3Options, type S3StandIn, startS3 } from '../emulators/s3.js'

/** Each is there once the tests run. */
export interface StorePlaces {
  s3: S3StandIn
  gcs: GcsStandIn
  azurite: Azurite
}

/** Logs in to Azurite with a SAS, which does not sign the conditions: the proxy can take them away. */
export async function useSas({ direct }: Azurite, container: string): Promise<void> {
  const service = new BlobServiceClient(direct, new StorageSharedKeyCredential(ACCOUNT, KEY))
  const url = await service.getContainerClient(container).generateSasUrl({
    permissions: ContainerSASPermissions.parse('rcwdl'),
    expiresOn: new Date(Date.now() + 3_600_000),
  })
  for (const name of ['AZURE_STORAGE_CONNECTION_STRING', 'AZURE_STORAGE_KEY', 'AZURE_STORAGE_ACCOUNT'])
    vi.stubEnv(name, '')
  vi.stubEnv('AZURE_STORAGE_SAS_TOKEN', new URL(url).search)
}

/**
 * Starts the three for the tests of a file, and logs each of these tests in.
 *
 * @param container of Azurite, made at its start
 */
export function storePlaces(s3: S3Options, gcs: GcsOptions, container: string): StorePlaces {
  const places = {} as StorePlaces
  beforeAll(async () => {
    places.s3 = await startS3(s3)
    places.gcs = await startGcs(gcs)
    places.azurite = await startAzurite({ containers: [container] })
  }, 180_000)
  afterAll(async () => {
    for (const server of [places.s3, places.gcs, places.azurite]) await server.close()
  })

  beforeEach(async () => {
    await useSas(places.azurite, container)
    for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(key, 'local')
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none')
  })
  afterEach(() => vi.unstubAllEnvs())
  return places
}

/** Google Cloud Storage and Azurite for the tests of a file, with a bucket and a container `lakes`. */
export function lakePlaces(): Omit<StorePlaces, 's3'> {
  const places = {} as Omit<StorePlaces, 's3'>
  beforeAll(async () => {
    vi.stubEnv('AZURE_STORAGE_KEY', KEY)
    places.gcs = await startGcs({ buckets: ['lakes'] })
    places.azurite = await startAzurite({ containers: ['lakes'] })
  }, 180_000)
  afterAll(async () => {
    for (const server of [places.gcs, places.azurite]) await server.close()
    vi.unstubAllEnvs()
  })
  return places
}
