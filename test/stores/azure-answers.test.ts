/** What Azure has of its own: folders, ETags, MD5 where there is one, what it refuses. */

import { gzipSync } from 'node:zlib'
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  ContainerClient,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditError } from '../../src/errors.js'
import { archivedOf } from '../../src/stores/azure/failures.js'
import { azureStore } from '../../src/stores/azure.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import { listed } from '../conformance/stores.js'
import { ACCOUNT, type Azurite, KEY, startAzurite } from '../emulators/azurite.js'
import { joined } from '../landing/support.js'
import { never } from '../support/load.js'
import { AT_ONCE } from './azure-place.js'

const LINE = Buffer.from('{"timestamp":"2023-01-23T12:34:56Z","action":"user:login"}\n')
const credential = new StorageSharedKeyCredential(ACCOUNT, KEY)
const SAS = generateAccountSASQueryParameters(
  {
    expiresOn: new Date('2099-01-01T00:00:00Z'),
    permissions: AccountSASPermissions.parse('rwdlac'),
    resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
    services: AccountSASServices.parse('b').toString(),
  },
  credential,
).toString()

let azurite: Azurite
let container: ContainerClient
let store: ObjectStore
beforeAll(async () => {
  azurite = await startAzurite({ pageSize: 3 })
  container = new ContainerClient(`${azurite.direct}/logs`, credential)
  await container.create()
  store = open({ AZURE_STORAGE_SAS_TOKEN: SAS })
}, 180_000)
afterAll(async () => {
  await store.close()
  await azurite.close()
})

const open = (env: Record<string, string>, name = 'logs'): ObjectStore =>
  azureStore({ account: ACCOUNT, container: name, endpoint: azurite.endpoint, env, retryPolicy: AT_ONCE })

const failureOf = (work: Promise<unknown>): Promise<AuditError> =>
  work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: AuditError) => error,
  )

async function read(key: string) {
  const object = await store.find(key, never)
  const reading = object === null ? null : await store.read(object, 0, never)
  if (object === null || reading === null) throw new Error('nothing there')
  return { object, checksum: reading.checksum, bytes: await joined(reading.chunks) }
}

describe('asking', () => {
  it('for a listing follows every page', async () => {
    for (let i = 0; i < 7; i++) await container.getBlockBlobClient(`pages/${i}`).upload(LINE, LINE.length)
    const before = azurite.requests.length
    expect(await listed(store, 'pages/')).toHaveLength(7)
    expect(azurite.requests.slice(before).map(({ action }) => action)).toEqual(['list', 'list', 'list'])
  })

  it('for an object is pinned to its ETag, which is the same from a listing and from a look', async () => {
    await container.getBlockBlobClient('pinned').upload(LINE, LINE.length)
    const [object] = await listed(store, 'pinned')
    expect(object?.version).toMatch(/^0x[0-9A-F]+$/)
    expect(await store.find('pinned', never)).toEqual(object)
    const reading = await store.read({ key: 'pinned', version: object?.version ?? '' }, 20, never)
    expect(reading === null ? null : await joined(reading.chunks)).toEqual(LINE.subarray(20))
    expect(azurite.requests.at(-1)?.headers).toMatchObject({
      'if-match': `"${object?.version}"`,
      'x-ms-range': 'bytes=20-',
    })
  })

  it('for an object that changes between listing and reading gives null, not the other content', async () => {
    const blob = container.getBlockBlobClient('changing')
    await blob.upload(LINE, LINE.length)
    const object = await store.find('changing', never)
    azurite.fail({ kind: 'before', action: 'read', run: async () => void (await blob.upload('other', 5)) })
    expect(await store.read({ key: 'changing', version: object?.version ?? '' }, 0, never)).toBeNull()
  })

  it('for a key with segments of dots means that object and no other', async () => {
    await store.write('up/../b', LINE, 'absent', never)
    expect(await store.find('b', never)).toBeNull()
    expect((await failureOf(store.find('..', never))).message).toBe(`no URL can name az://${ACCOUNT}/logs/..`)
  })
})

describe('content', () => {
  it('packed with Content-Encoding: gzip comes as it is stored', async () => {
    const packed = gzipSync(LINE)
    const blobHTTPHeaders = { blobContentEncoding: 'gzip' }
    await container.getBlockBlobClient('packed').upload(packed, packed.length, { blobHTTPHeaders })
    const { object, bytes } = await read('packed')
    expect(bytes).toEqual(packed)
    expect(object.bytes).toBe(packed.length)
  })

  it('that was appended to has no checksum: its MD5, where it has one, is of another time', async () => {
    const blob = container.getAppendBlobClient('appended')
    await blob.create({ blobHTTPHeaders: { blobContentMD5: Buffer.alloc(16, 1) } })
    await blob.appendBlock(LINE, LINE.length)
    expect(await read('appended')).toMatchObject({ bytes: LINE, checksum: null })
  })

  it('that is a folder of a hierarchical namespace is no object', async () => {
    await container.getBlockBlobClient('tree/folder').upload('', 0, { metadata: { hdi_isfolder: 'true' } })
    await container.getBlockBlobClient('tree/Folder').upload('', 0, { metadata: { Hdi_isfolder: 'true' } })
    await container.getBlockBlobClient('tree/folder/object').upload(LINE, LINE.length)
    await container.getBlockBlobClient('tree/empty').upload('', 0)
    expect((await listed(store, 'tree/')).map(({ key }) => key)).toEqual(['tree/empty', 'tree/folder/object'])
    expect(await store.find('tree/folder', never)).toBeNull()
  })
})

describe('a listing', () => {
  it('has an object once, and not its snapshots', async () => {
    const blob = container.getBlockBlobClient('snapshots/a')
    await blob.upload(LINE, LINE.length)
    await blob.createSnapshot()
    await blob.upload('', 0)
    await blob.createSnapshot()
    expect(await listed(store, 'snapshots/')).toMatchObject([{ key: 'snapshots/a', bytes: 0 }])
  })

  it.each([
    [{ accessTier: 'Hot' }, undefined],
    [{ accessTier: 'Cold' }, undefined],
    [{ accessTier: 'Archive' }, 'set-tier --tier Cool'],
    [{ accessTier: 'Archive', archiveStatus: 'rehydrate-pending-to-hot' }, 'on its way out of the archive tier'],
  ] as const)('of %j says whether it must be restored', (properties, says) => {
    const archived = archivedOf({ etag: '', lastModified: new Date(), ...properties })
    expect(archived).toEqual(says === undefined ? undefined : expect.stringContaining(says))
  })
})

describe('a failure', () => {
  it('of Azure Stack Hub, which knows older versions of the protocol alone, says so', async () => {
    azurite.fail({ kind: 'refuse', status: 400, code: 'InvalidHeaderValue', message: 'HeaderName x-ms-version' })
    const failure = await failureOf(listed(store, ''))
    expect(failure.message).toContain('does not know this version of the protocol')
    expect(failure.advice).toContain('Azure Stack Hub')
  })

  it.each([
    [403, 'AuthorizationPermissionMismatch', /access denied/, /Storage Blob Data Reader/],
    [403, 'AuthorizationFailure', /access denied by the account/, /firewall/],
    [403, 'AuthenticationFailed', /not accepted/, /expired/],
    [401, 'InvalidAuthenticationInfo', /token is not accepted/, /tenant/],
    [403, 'KeyBasedAuthenticationNotPermitted', /does not take keys/, /az login/],
    [409, 'BlobImmutableDueToPolicy', /immutability policy/, /container/],
    [412, 'LeaseIdMissing', /answered 412/, /undefined/],
    [400, 'InvalidUri', /answered 400/, /undefined/],
  ])('with status %i (%s) says which, where, and what to do', async (status, code, what, advice) => {
    azurite.fail({ kind: 'refuse', status, code })
    const failure = await failureOf(store.find('a', never))
    expect(failure.message).toMatch(/^could not look up az:\/\/devstoreaccount1\/logs\/a: /)
    expect(failure.message).toMatch(what)
    expect(failure.message).toContain(`(${code})`)
    expect(String(failure.advice)).toMatch(advice)
    expect(failure.retryable).toBe(false)
  })

  it('says that there is no such container, whatever was asked of it', async () => {
    const other = open({ AZURE_STORAGE_SAS_TOKEN: SAS }, 'elsewhere')
    const works = [
      () => listed(other, ''),
      () => other.find('a', never),
      () => other.read({ key: 'a', version: '0x1' }, 0, never),
      () => other.write('a', LINE, 'absent', never),
      () => other.remove('a', never),
    ]
    for (const work of works) expect((await failureOf(work())).message).toMatch(/there is no such container/)
    await other.close()
  })

  it.each([
    [503, 'ServerBusy'],
    [500, 'InternalError'],
    [429, 'TooManyRequests'],
  ])('that lasts (%i %s) is told with the number of tries, and not begun once more', async (status, code) => {
    azurite.fail({ kind: 'refuse', status, code, times: 3 })
    const failure = await failureOf(store.find('a', never))
    expect(failure).toMatchObject({
      message: `could not look up az://${ACCOUNT}/logs/a: Azure Storage answered ${status} (${code}) (tried 3 times)`,
      retryable: false,
    })
    expect(azurite.faultsLeft).toBe(0)
  })

  it('of a wrong key is told as that', async () => {
    const wrong = open({ AZURE_STORAGE_KEY: Buffer.from('another key').toString('base64') })
    expect((await failureOf(listed(wrong, ''))).message).toMatch(/access denied by the account/)
    await wrong.close()
  })

  it('never holds the SAS', async () => {
    const signature = new URLSearchParams(SAS).get('sig') ?? ''
    const forged = SAS.replace(encodeURIComponent(signature), encodeURIComponent('c2VjcmV0'))
    const failure = await failureOf(listed(open({ AZURE_STORAGE_SAS_TOKEN: forged }), ''))
    expect(failure.message).toMatch(/access denied/)
    expect(`${failure.stack}${failure.advice}${failure.cause}`).not.toMatch(/sig=|c2VjcmV0/)
  })
})
