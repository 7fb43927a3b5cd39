/** A mirrored database for tests: a workspace in Azurite or in memory, with the stand-in of Fabric's replicator behind it. */

import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { eventsView, fabricViews, MIRRORED_NAMES, MIRRORED_SCHEMA } from '../../../schemas/fabric.js'
import { fabricSinkOver } from '../../../sinks/fabric/index.js'
import { type Held, type Manifest, readManifest, replaceManifest } from '../../../sinks/fabric/manifest.js'
import { download, upload, type Zone } from '../../../sinks/fabric/zone.js'
import { DUCKDB_VIEWS } from '../../../sinks/shared/duckdb-forms.js'
import type { Sink } from '../../../src/contract.js'
import { duckdbError } from '../../../src/duckdb/errors.js'
import { columnsOf, rowsOf } from '../../../src/duckdb/results.js'
import { azureStore } from '../../../src/stores/azure.js'
import type { ObjectStore } from '../../../src/stores/contract.js'
import { ACCOUNT, type Azurite, KEY } from '../../emulators/azurite.js'
import { type Replicator, startReplicator } from '../../emulators/fabric/replicator.js'
import { never, newEngine, newFolder } from '../../support/load.js'
import { type Kept, memoryStore } from '../../support/memory-store.js'

export const ROOT = 'audit.MountedRelationalDatabase/Files/LandingZone'

export interface Place {
  readonly store: ObjectStore
  readonly zone: Zone
  readonly replicator: Replicator
  readonly notices: string[]
  /** The sink alone, over this store or over another view of it. */
  sink(store?: ObjectStore): Sink
  /** The sink with what analysts see: its queries are answered by the mirrored tables, once they have caught up. */
  mirrored(): Sink
  /** Takes a column away, in Fabric and in the product's own files, as if an older version had made both. */
  dropColumn(table: string, column: string): Promise<void>
}

/** A store over a workspace of its own, or over one that is there. */
export async function newWorkspace(
  { endpoint, direct }: Azurite,
  container = `workspace-${randomUUID()}`,
): Promise<ObjectStore> {
  const service = new BlobServiceClient(direct, new StorageSharedKeyCredential(ACCOUNT, KEY))
  await service.getContainerClient(container).createIfNotExists()
  const retryPolicy = { retries: 3, pauseMs: 1 }
  return azureStore({ account: ACCOUNT, container, endpoint, env: { AZURE_STORAGE_KEY: KEY }, retryPolicy })
}

export async function newPlace(azurite: Azurite): Promise<Place> {
  const container = `workspace-${randomUUID()}`
  // Faults are for the sink alone.
  const past = await newWorkspace({ ...azurite, endpoint: azurite.direct }, container)
  return placeOver(await newWorkspace(azurite, container), past)
}

/**
 * Several times as fast as Azurite, for tests that need many places and nothing of the network.
 *
 * @param objects by key, which the place changes
 */
export const newPlaceInMemory = (objects?: Map<string, Kept>): Promise<Place> => placeOver(memoryStore(objects))

async function placeOver(store: ObjectStore, past = store): Promise<Place> {
  const replicator = await startReplicator(past, ROOT, newFolder())
  const notices: string[] = []
  const zoneOver = (over: ObjectStore): Zone => ({
    id: 'fabric://workspace/audit',
    store: over,
    root: ROOT,
    onNotice: (text) => notices.push(text),
  })
  const zone = zoneOver(store)
  const sink = (over = store): Sink => fabricSinkOver(zoneOver(over), never)
  return {
    store,
    zone,
    replicator,
    notices,
    sink,
    mirrored: () => mirroredSink(sink(), replicator),
    dropColumn: (table, column) => dropColumn(zone, replicator, table, column),
  }
}

/** One replicator serves several sinks of a test: it runs once at a time. */
const runs = new WeakMap<Replicator, Promise<void>>()

export function catchUp(replicator: Replicator): Promise<void> {
  const run = (runs.get(replicator) ?? Promise.resolve()).then(() => replicator.run())
  runs.set(replicator, run)
  return run
}

function mirroredSink(sink: Sink, replicator: Replicator): Sink {
  return {
    ...sink,
    async load(batch, signal) {
      await catchUp(replicator)
      const meanwhile = catchUp(replicator)
      try {
        return await sink.load(batch, signal)
      } finally {
        await meanwhile
      }
    },
    async query(sql) {
      // In the landing zone alone: loads and watchers read them, analysts need not.
      if (/audit_privacy|audit_findings|audit_event_days/.test(sql)) return sink.query(sql)
      await catchUp(replicator)
      for (const [table, why] of replicator.stopped) throw new Error(`${table} is stopped: ${why}`)
      try {
        await createView(replicator)
        const result = await replicator.connection.stream(sql)
        return {
          columns: columnsOf(result),
          rows: rowsOf(
            (error) => duckdbError('Fabric', error),
            result,
            () => {},
          ),
        }
      } catch (error) {
        throw duckdbError('Fabric', error)
      }
    },
  }
}

/** The documented view, and one more above it: only DuckDB has a type for JSON. */
async function createView({ connection }: Replicator): Promise<void> {
  await connection.run('CREATE SCHEMA IF NOT EXISTS dbo')
  await connection.run('DROP VIEW IF EXISTS main.audit_events')
  await connection.run('DROP VIEW IF EXISTS dbo.audit_events')
  await connection.run(eventsView())
  await connection.run(
    'CREATE VIEW main.audit_events AS SELECT * REPLACE (CAST(extra AS JSON) AS extra) FROM dbo.audit_events',
  )
  for (const { name, sql } of DUCKDB_VIEWS) {
    if (name === 'audit_events_masked') await connection.run(`CREATE OR REPLACE VIEW main.${name} AS\n${sql}`)
  }
  // T-SQL that DuckDB reads as well, but for one function.
  const readable = fabricViews().replaceAll("DATEDIFF_BIG(microsecond, '1970-01-01', ", 'epoch_us(')
  for (const view of readable.split('GO\n')) await connection.run(view.replace('CREATE VIEW', 'CREATE OR REPLACE VIEW'))
  await connection.run(`SET search_path = 'main,dbo,${MIRRORED_SCHEMA}'`)
}

async function dropColumn(zone: Zone, replicator: Replicator, view: string, column: string): Promise<void> {
  await catchUp(replicator)
  const owner = view === 'audit_events' && MIRRORED_NAMES.columns.some(({ name }) => name === column)
  const table = owner ? MIRRORED_NAMES.name : view
  const { connection } = replicator
  await connection.run('DROP VIEW IF EXISTS main.audit_events')
  await connection.run('DROP VIEW IF EXISTS dbo.audit_events')
  await connection.run(`ALTER TABLE ${MIRRORED_SCHEMA}.${table} DROP COLUMN ${column}`)
  const held = (await readManifest(zone, never)) as Held
  const days: Manifest['days'] = owner ? {} : held.manifest.days
  for (const [day, { file, events }] of owner ? Object.entries(held.manifest.days) : []) {
    const [whole, narrow] = [join(newFolder(), 'whole'), join(newFolder(), 'narrow')]
    await download(zone, file, whole, never)
    const engine = await newEngine()
    await engine.run(
      `COPY (SELECT * EXCLUDE (${column}) FROM read_parquet('${whole}')) TO '${narrow}' (FORMAT parquet)`,
    )
    const older = `${file.slice(0, -'.parquet'.length)}-older.parquet`
    await upload(zone, older, await readFile(narrow), 'absent', never)
    days[day] = { file: older, events }
  }
  const opened = { number: 0, last: null, ...held.manifest.tables[table], opening: null }
  await replaceManifest(
    zone,
    held,
    { ...held.manifest, days, tables: { ...held.manifest.tables, [table]: opened } },
    never,
  )
}
