/** Prepares the landing zone: the publisher's name, key columns, and an opening file per table with all its columns. */

import { createHash, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MIRRORED_TABLES } from '../../schemas/fabric.js'
import { AUDIT_ACTIONS, LAYOUT_VERSION, type Table } from '../../schemas/tables.js'
import { openConnection } from '../../src/duckdb/connection.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { AuditError } from '../../src/errors.js'
import { scratchFolder } from '../../src/scratch.js'
import { requireConditionalWrites } from '../shared/conditional-writes.js'
import { actionRows } from '../shared/duckdb-tables.js'
import { refusedAtDoor } from './failures.js'
import { noRows, upserts } from './files.js'
import { localOf, numbered } from './load.js'
import { filesOf, type Held, isOwnData, type Manifest, readManifest, replaceManifest } from './manifest.js'
import { folderOf, highestOf, numberedFiles, publishPending, waitingOf } from './publish.js'
import { list, OWN, readText, remove, upload, type Zone } from './zone.js'

/** https://learn.microsoft.com/fabric/mirroring/open-mirroring-landing-zone-format#events-file-in-the-landing-zone */
const PARTNER = { partnerName: 'wandb-audit', sourceInfo: { sourceType: 'Weights & Biases audit logs' } }

/** The content of a small file for `requireConditionalWrites`. It is outside our folder, which is swept. */
const MARK = 'wandb-audit\n'

/** Longer than any load. Older files that the manifest does not name were left by a killed load. */
const SWEEP_MS = 24 * 60 * 60 * 1000

/** Publishes what a killed run left pending, opens tables that are new or have new columns, and sweeps. */
export async function openZone(zone: Zone, signal: AbortSignal): Promise<void> {
  await ensureManifest(zone, signal)
  await requireConditionalWrites(zone.id, zone.store, `${zone.root}/${OWN}.txt`, Buffer.from(MARK), signal)
  for (;;) {
    const held = await publishPending(zone, signal)
    const stale = MIRRORED_TABLES.filter((table) => held.manifest.tables[table.name]?.opening !== openingOf(table))
    if (stale.length === 0) return sweep(zone, held, signal)
    for (const table of stale) await declareKey(zone, table, signal)
    for (const table of stale) await refuseWhileWaiting(zone, table, signal)
    await publishOpenings(zone, stale, held, signal)
  }
}

async function ensureManifest(zone: Zone, signal: AbortSignal): Promise<void> {
  try {
    if ((await readManifest(zone, signal)) === null) await createManifest(zone, signal)
  } catch (error) {
    throw refusedAtDoor(zone.id, error)
  }
}

async function createManifest(zone: Zone, signal: AbortSignal): Promise<void> {
  const json = Buffer.from(`${JSON.stringify(PARTNER, null, 2)}\n`)
  await upload(zone, '_partnerEvents.json', json, 'absent', signal)
  const tables: Manifest['tables'] = {}
  for (const { name } of MIRRORED_TABLES)
    tables[name] = { number: highestOf(await numberedFiles(zone, name, signal)), opening: null, last: null }
  const journals = {
    audit_documents: [],
    audit_loads: [],
    audit_rejects: [],
    audit_reject_pieces: [],
    audit_conflicts: [],
  }
  await replaceManifest(
    zone,
    null,
    { version: LAYOUT_VERSION, days: {}, journals, tables, privacy: [], pending: [] },
    signal,
  )
}

/** `_metadata.json` cannot change once the service has seen it. */
async function declareKey(zone: Zone, { name, key }: Table, signal: AbortSignal): Promise<void> {
  const path = `${folderOf(name)}/_metadata.json`
  const content = `${JSON.stringify({ keyColumns: key }, null, 2)}\n`
  if ((await upload(zone, path, Buffer.from(content), 'absent', signal)) !== null) return
  const existing = await readText(zone, path, signal)
  if (existing !== null && JSON.stringify(keyColumnsOf(existing.text)) === JSON.stringify(key)) return
  throw new AuditError(`${zone.id}: ${path} declares other key columns than ${key.join(', ')}; nothing is published`, {
    outside: true,
    advice: `Another publisher owns that table. Use a mirrored database of its own, or delete the folder ${folderOf(name)}.`,
  })
}

function keyColumnsOf(json: string): unknown {
  try {
    return JSON.parse(json).keyColumns
  } catch {
    return null
  }
}

/** An empty file gives a table its columns before its first rows; audit_actions has its rows from the start. */
const openingRows = (table: Table): string => (table === AUDIT_ACTIONS ? actionRows() : noRows(table))

const openingOf = (table: Table): string =>
  createHash('sha256')
    .update(upserts(table, openingRows(table)))
    .digest('hex')

/**
 * New columns only behind files that are applied: https://learn.microsoft.com/fabric/mirroring/open-mirroring-best-practices
 *
 * @throws AuditError when Fabric has not taken the table's files yet
 */
async function refuseWhileWaiting(zone: Zone, { name }: Table, signal: AbortSignal): Promise<void> {
  const { waiting } = waitingOf(await numberedFiles(zone, name, signal))
  if (waiting === 0) return
  throw new AuditError(
    `${zone.id}: this version changes the columns or fixed rows of ${name}, and Fabric has not taken ${waiting} of its files yet; nothing is loaded`,
    {
      outside: true,
      advice:
        'Run again when Monitor replication shows the table up to date. If replication is paused or stopped, resume it first.',
    },
  )
}

async function publishOpenings(zone: Zone, stale: readonly Table[], held: Held, signal: AbortSignal): Promise<void> {
  const commit = randomUUID()
  const folder = await scratchFolder()
  const { connection, close } = await openConnection()
  try {
    const parts = new Map<string, { file: string; local: string }>()
    for (const table of stale) {
      const local = join(folder, `${table.name}.parquet`)
      const file = `${OWN}/${table.name}/${commit}.parquet`
      await writeParquet(zone.id, connection, upserts(table, openingRows(table)), local)
      await upload(zone, file, { file: local }, 'absent', signal)
      parts.set(table.name, { file, local })
    }
    const { tables, pending } = numbered(held.manifest, parts)
    const opened = stale.map((table) => [
      table.name,
      { number: 0, last: null, ...tables[table.name], opening: openingOf(table) },
    ])
    const next = { ...held.manifest, tables: { ...tables, ...Object.fromEntries(opened) }, pending }
    const committed = await replaceManifest(zone, held, next, signal)
    if (committed !== null) await publishPending(zone, signal, { held: committed, local: localOf(parts) })
  } finally {
    close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Removes what killed loads left. A failure is only reported: the next run tries again. */
async function sweep(zone: Zone, { manifest }: Held, signal: AbortSignal): Promise<void> {
  const kept = filesOf(manifest)
  const left: string[] = []
  try {
    for await (const { key, lastModified } of list(zone, `${OWN}/`, signal))
      if (isOwnData(key) && !kept.has(key) && Date.now() - lastModified.getTime() > SWEEP_MS) left.push(key)
    await remove(zone, left, signal)
  } catch (error) {
    if (signal.aborted) throw error
    const why = error instanceof AuditError ? error.message : 'an unexpected error'
    zone.onNotice(`${zone.id}: files that killed loads left behind could not be removed: ${why}. Loading continues`)
  }
}
