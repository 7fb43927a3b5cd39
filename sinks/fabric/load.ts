/** One attempt to load a batch: uploads everything under new names, then commits by naming it in the manifest. */

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { MIRRORED_EVENTS, MIRRORED_NAMES } from '../../schemas/fabric.js'
import {
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_LOADS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  type Table,
} from '../../schemas/tables.js'
import type { Batch, LoadCounts } from '../../src/contract.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { interrupted } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { provenCounts } from '../shared/counts.js'
import { newConflicts } from '../shared/duckdb-merge.js'
import { loadRow } from '../shared/duckdb-tables.js'
import { type Changes, compare, dropChanges, foundConflicts, knownOf, newEvents, newNames } from './changes.js'
import { upserts } from './files.js'
import { eachOnce, extended, journalRows, rewritableRows } from './journals.js'
import { type Held, JOURNALS, type Manifest, replaceManifest } from './manifest.js'
import { inParallel, OWN, upload, type Zone } from './zone.js'

export interface Loaded {
  readonly counts: LoadCounts
  /** The committed manifest, with what is still to be published. */
  readonly held: Held
  readonly parts: Parts
}

/** @returns null when another publisher was faster; nothing is loaded then */
export async function tryLoad(zone: Zone, batch: Batch, held: Held, signal: AbortSignal): Promise<Loaded | null> {
  const { manifest } = held
  try {
    const changes = await compare(zone, batch, manifest, signal)
    if (changes === null) return null
    const counts = provenCounts(batch, changes.counts)
    const commit = randomUUID()
    const parts = await writeParts(zone, batch, counts, manifest, commit, signal)
    if (parts === null) return null
    const days = await writeDays(zone, batch, changes, manifest, commit, signal)
    const journals = await extendAll(zone, batch, parts, manifest, signal)
    if (journals === null) return null
    const next = { ...manifest, days, journals, ...numbered(manifest, parts) }
    if (signal.aborted) throw interrupted()
    const committed = await replaceManifest(zone, held, next, NEVER_ABORTED)
    return committed === null ? null : { counts, held: committed, parts }
  } finally {
    await dropChanges(batch).catch(() => {}) // keep the first error
  }
}

/** By table: what a commit adds to it, uploaded as `file`, with a local copy. */
export type Parts = ReadonlyMap<string, { readonly file: string; readonly local: string }>

export const localOf = (parts: Parts): ReadonlyMap<string, string> =>
  new Map([...parts.values()].map(({ file, local }) => [file, local]))

/** Gives each part the next number of its table. */
export function numbered({ tables }: Manifest, parts: Parts): Pick<Manifest, 'tables' | 'pending'> {
  const next = { ...tables }
  const pending: Manifest['pending'][number][] = []
  for (const [table, { file }] of parts) {
    const { number, opening, last } = tables[table] ?? { number: 0, opening: null, last: null }
    next[table] = { number: number + 1, opening, last }
    pending.push({ table, number: number + 1, file })
  }
  return { tables: next, pending }
}

type Rows = readonly [table: Table, rows: string]

async function writeParts(
  zone: Zone,
  batch: Batch,
  counts: LoadCounts,
  manifest: Manifest,
  commit: string,
  signal: AbortSignal,
): Promise<Parts | null> {
  const rejects = await newRejects(zone, batch, manifest, signal)
  const conflicts = await changedConflicts(zone, batch, counts, manifest, signal)
  if (rejects === null || conflicts === null) return null
  const parts = new Map<string, { file: string; local: string }>()
  // Names before the events they are joined to; receipts and the load's own row last.
  const all: readonly Rows[] = [
    [MIRRORED_NAMES, newNames()],
    [MIRRORED_EVENTS, newEvents(batch)],
    ...conflicts,
    ...rejects,
    [AUDIT_DOCUMENTS, batch.receipts.relation],
    [AUDIT_LOADS, loadRow(batch, counts)],
  ]
  for (const [table, rows] of all) {
    const local = join(batch.folder, `${table.name}-${commit}.parquet`)
    const written = await writeParquet(zone.id, batch.engine, upserts(table, rows), local)
    if (written > 0) parts.set(table.name, { file: `${OWN}/${table.name}/${commit}.parquet`, local })
  }
  await inParallel([...parts.values()], ({ file, local }) => upload(zone, file, { file: local }, 'absent', signal))
  return parts
}

/** The batch's rejects that are not stored yet, preceded by their pieces. Downloads the stored ones only if the batch has rejects. */
async function newRejects(
  zone: Zone,
  { rejected, rejects, pieces, folder }: Batch,
  { journals }: Manifest,
  signal: AbortSignal,
): Promise<readonly Rows[] | null> {
  if (rejected === 0) return []
  const known = await journalRows(zone, 'audit_rejects', journals.audit_rejects, folder, signal)
  if (known === null) return null
  const unknown = (relation: string): string =>
    `${relation} r WHERE NOT EXISTS (FROM ${known} k WHERE k.reject_id = r.reject_id)`
  return [
    ...(pieces.rows === 0 ? [] : [[AUDIT_REJECT_PIECES, unknown(pieces.relation)] as const]),
    [AUDIT_REJECTS, unknown(rejects.relation)],
  ]
}

/** Conflicts that are new or now have more events, as whole rows for an upsert. */
async function changedConflicts(
  zone: Zone,
  batch: Batch,
  { conflicts }: LoadCounts,
  { journals }: Manifest,
  signal: AbortSignal,
): Promise<readonly Rows[] | null> {
  if (conflicts === 0) return []
  const name = 'audit_conflicts'
  const known = await rewritableRows(zone, name, journals[name], batch, signal)
  if (known === null) return null
  return [[AUDIT_CONFLICTS, `(${newConflicts(foundConflicts(), `SELECT * FROM ${known} ${eachOnce(name)}`)})`]]
}

/** Writes the known events of each day that changes. */
async function writeDays(
  zone: Zone,
  { engine, source, folder }: Batch,
  changes: Changes,
  manifest: Manifest,
  commit: string,
  signal: AbortSignal,
): Promise<Manifest['days']> {
  const days = { ...manifest.days }
  const local = (day: string): string => join(folder, `known-${day}-${commit}.parquet`)
  for (const [day, inserted] of changes.days) {
    await writeParquet(zone.id, engine, knownOf(day), local(day))
    const { events = {} } = days[day] ?? {}
    const more = inserted === 0 ? {} : { [source]: (events[source] ?? 0) + inserted }
    days[day] = { file: `${OWN}/days/${day}/${commit}.parquet`, events: { ...events, ...more } }
  }
  await inParallel([...changes.days.keys()], async (day) => {
    await upload(zone, days[day]?.file ?? '', { file: local(day) }, 'absent', signal)
  })
  return days
}

async function extendAll(
  zone: Zone,
  batch: Batch,
  parts: Parts,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<Manifest['journals'] | null> {
  const journals = { ...manifest.journals }
  for (const name of JOURNALS) {
    const part = parts.get(name)
    if (part === undefined) continue
    const longer = await extended(zone, name, journals[name], part.file, batch, signal)
    if (longer === null) return null
    journals[name] = longer
  }
  return journals
}
