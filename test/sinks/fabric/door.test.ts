import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { eventsView, MIRRORED_TABLES } from '../../../schemas/fabric.js'
import { LAYOUT_VERSION } from '../../../schemas/tables.js'
import { zonePlace } from '../../../sinks/fabric/address.js'
import { readManifest } from '../../../sinks/fabric/manifest.js'
import { openSink } from '../../../sinks/index.js'
import { AuditError } from '../../../src/errors.js'
import type { ObjectStore } from '../../../src/stores/contract.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { countsOf, loadInto, ndjson, never } from '../../support/load.js'
import { useSas } from '../../support/store-places.js'
import { newPlace, newWorkspace, ROOT } from './place.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)

afterAll(() => azurite.close())

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_email: 'ada@example.com' }
const textOf = async (store: ObjectStore, path: string): Promise<string> => {
  const object = await store.find(`${ROOT}/${path}`, never)
  const reading = object === null ? null : await store.read(object, 0, never)
  const parts: Uint8Array[] = []
  for await (const chunk of reading?.chunks ?? []) parts.push(chunk)
  return Buffer.concat(parts).toString()
}

describe('an address', () => {
  const ID = '11111111-2222-3333-4444-555555555555'

  it.each([
    ['fabric://Sales Team/audit', 'az://onelake/Sales Team', 'audit.MountedRelationalDatabase'],
    ['fabric://ws/audit.MountedRelationalDatabase', 'az://onelake/ws', 'audit.MountedRelationalDatabase'],
    [`fabric://${ID}/${ID}`, `az://onelake/${ID}`, ID],
  ])('%s is a workspace of OneLake, and the landing zone of an item there', (address, workspace, item) => {
    const { place, root } = zonePlace(address)
    expect(place.split('?')).toEqual([workspace, 'endpoint=https%3A%2F%2Fonelake.blob.fabric.microsoft.com'])
    expect(root).toBe(`${item}/Files/LandingZone`)
  })

  it.each([
    'fabric://ws',
    'fabric://ws/a/b',
    'fabric:///a',
    `fabric://ws/${ID}`,
    `fabric://${ID}/a`,
    'fabric://ws/a?x=1',
  ])('%s is refused with a word on how it looks', async (address) => {
    const error = await Promise.resolve()
      .then(() => zonePlace(address))
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ exitCode: 2, advice: expect.stringMatching(/name|option|id/i) })
  })
})

describe('a sink opened by its address', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('loads into a workspace with a login from the environment', async () => {
    const name = 'workspace-by-its-address'
    const store = await newWorkspace(azurite, name)
    await useSas(azurite, name)
    const context = { waitMs: 1, signal: never, onNotice() {} }
    const sink = await openSink(`fabric://${name}/audit?endpoint=${azurite.endpoint}`, context)
    expect(sink.id).toBe(`fabric://${name}/audit`)
    expect(countsOf(await loadInto(sink, { a: ndjson(EVENT) }))).toEqual([1, 0, 0, 0])
    expect(await textOf(store, 'wandb_audit.schema/audit_events/_metadata.json')).toContain('"content_hash"')
    await sink.close()
  })
})

describe('a landing zone is made ready', () => {
  it('with the key columns of every table, and who publishes', async () => {
    const { store, sink } = await newPlace(azurite)
    await sink().prepare()
    for (const { name, key } of MIRRORED_TABLES) {
      const metadata = await textOf(store, `wandb_audit.schema/${name}/_metadata.json`)
      expect(JSON.parse(metadata)).toEqual({ keyColumns: key })
    }
    expect(JSON.parse(await textOf(store, '_partnerEvents.json'))).toMatchObject({ partnerName: 'wandb-audit' })
  })

  it('once: another run writes nothing, and only tries to where it must be refused', async () => {
    const place = await newPlace(azurite)
    await place.sink().prepare()
    const mark = await place.store.find(`${ROOT}/_wandb_audit.txt`, never)
    const before = azurite.requests.length
    await place.sink().prepare()
    const changes = azurite.requests.slice(before).filter(({ action }) => action === 'write' || action === 'remove')
    expect(changes.map(({ path }) => path.endsWith('/_wandb_audit.txt'))).toEqual([true, true])
    expect(await place.store.find(`${ROOT}/_wandb_audit.txt`, never)).toEqual(mark)
  })

  it("leaves another program's events file alone", async () => {
    const { store, sink } = await newPlace(azurite)
    await store.write(`${ROOT}/_partnerEvents.json`, Buffer.from('{}'), 'absent', never)
    await sink().prepare()
    expect(await textOf(store, '_partnerEvents.json')).toBe('{}')
  })

  it('never over a table with other key columns', async () => {
    const { store, sink } = await newPlace(azurite)
    const path = 'wandb_audit.schema/audit_loads/_metadata.json'
    await store.write(`${ROOT}/${path}`, Buffer.from('{"keyColumns": ["id"]}'), 'absent', never)
    await expect(sink().prepare()).rejects.toMatchObject({
      message: expect.stringContaining(`${path} declares other key columns than load_id`),
    })
  })

  it('never over a manifest of a newer version', async () => {
    const place = await newPlace(azurite)
    await place.store.write(
      `${ROOT}/_wandb_audit/manifest.json`,
      Buffer.from(JSON.stringify({ version: LAYOUT_VERSION + 1 })),
      'absent',
      never,
    )
    await expect(place.sink().prepare()).rejects.toThrow(/a newer version of wandb-audit made its tables/)
  })

  it('never over a manifest that somebody edited', async () => {
    const place = await newPlace(azurite)
    await place.store.write(`${ROOT}/_wandb_audit/manifest.json`, Buffer.from('{"version":1}'), 'absent', never)
    await expect(place.sink().prepare()).rejects.toThrow(/is not a manifest that this version reads; nothing is loaded/)
  })
})

describe('a door that does not open says what to check', () => {
  it.each([
    ['access is denied', { status: 403, code: 'AuthorizationPermissionMismatch' }, 'access denied'],
    ['Fabric forbids it in its own words', { status: 403, code: 'Forbidden' }, 'answered 403'],
    ['there is no such workspace', { status: 404, code: 'ContainerNotFound' }, 'no such container'],
    ['there is no such item', { status: 400, code: 'ItemNotFound' }, 'answered 400'],
  ])('when %s', async (_what, refusal, words) => {
    const place = await newPlace(azurite)
    azurite.fail({ kind: 'refuse', ...refusal })
    const error = await place
      .sink()
      .prepare()
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(AuditError)
    expect(error).toMatchObject({
      message: expect.stringMatching(
        new RegExp(`fabric://workspace/audit: the landing zone does not open: .*${words}`),
      ),
      advice: expect.stringMatching(/Contributor.*Read and write.*tenant settings/),
    })
  })

  it.each([404, 403, 503])('when the capacity is paused, answered as %i', async (status) => {
    const place = await newPlace(azurite)
    azurite.fail({ kind: 'refuse', status, code: 'CapacityNotActive', times: status === 503 ? 4 : 1 })
    await expect(place.sink().prepare()).rejects.toMatchObject({
      message: expect.stringMatching(/the capacity of the workspace is paused, .*CapacityNotActive/),
      advice: expect.stringMatching(/Resume the capacity.*Resume replication/),
      outside: true,
    })
  })

  it('when the capacity is paused in the middle of a run, or before a query', async () => {
    const place = await newPlace(azurite)
    await loadInto(place.sink(), { a: ndjson(EVENT) })
    const paused = { kind: 'refuse', status: 404, code: 'CapacityNotActive' } as const
    azurite.fail(paused)
    await expect(place.sink().query('SELECT 1 FROM audit_loads')).rejects.toThrow(/the capacity .* is paused/)
    azurite.fail({
      ...paused,
      action: 'write',
      key: `${ROOT}/wandb_audit.schema/audit_events/00000000000000000003.parquet`,
    })
    await expect(loadInto(place.sink(), { b: ndjson({ ...EVENT, actor_user_id: 2 }) })).rejects.toMatchObject({
      message: expect.stringMatching(/the batch is loaded, but publishing it failed: .* is paused/),
      advice: expect.stringMatching(/Resume the capacity.*published first/),
    })
    expect(azurite.faultsLeft).toBe(0)
  })

  it('when nothing can be written, as in an item that is no mirrored database', async () => {
    const place = await newPlace(azurite)
    azurite.fail({ kind: 'refuse', action: 'write', status: 404, code: 'PathNotFound' })
    await expect(place.sink().prepare()).rejects.toMatchObject({
      message: expect.stringMatching(/the landing zone does not open: .*_partnerEvents\.json: .*404/),
      advice: expect.stringContaining('must be a mirrored database for open mirroring'),
    })
    expect(azurite.faultsLeft).toBe(0)
  })

  it('but not when the service is busy', async () => {
    const place = await newPlace(azurite)
    azurite.fail({ kind: 'refuse', status: 429, code: 'TooManyRequests', times: 4 })
    const error = await place
      .sink()
      .prepare()
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({ advice: expect.not.stringContaining('Contributor') })
  })
})

it('files that Fabric does not take are told, once', async () => {
  const place = await newPlace(azurite)
  const hoursAgo = {
    ...place.store,
    async *list(prefix: string, signal: AbortSignal) {
      for await (const object of place.store.list(prefix, signal))
        yield { ...object, lastModified: new Date(object.lastModified.getTime() - 2 * 3_600_000) }
    },
  }
  const sink = place.sink(hoursAgo)
  for (let i = 1; i <= 3; i++) await loadInto(sink, { [`${i}`]: ndjson({ ...EVENT, actor_user_id: i }) })
  const told = place.notices.filter((text) => text.includes('audit_events'))
  expect(told).toEqual([
    expect.stringMatching(/files of audit_events have been waiting since .* seems to have stopped/),
  ])
  expect((await readManifest(place.zone, never))?.manifest.pending).toEqual([])
})

it('the guide has the view as it is made', () => {
  expect(readFileSync('docs/fabric.md', 'utf8')).toContain(eventsView())
})
