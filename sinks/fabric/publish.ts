/**
 * Moves committed files into their tables' folders, where Fabric picks them up. Each upload is one conditional write, under the
 * number after the highest one in the folder.
 */

import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MIRRORED_SCHEMA } from '../../schemas/fabric.js'
import { AuditError } from '../../src/errors.js'
import { scratchFolder } from '../../src/scratch.js'
import { refuseNewerLayout } from '../shared/layout.js'
import { type Held, type Manifest, readManifest, replaceManifest } from './manifest.js'
import { download, list, readText, upload, type Zone } from './zone.js'

type Pending = Manifest['pending'][number]
type Last = Manifest['tables'][string]['last']

export interface NumberedFile {
  readonly number: number
  readonly bytes: number
  readonly lastModified: Date
}

export const folderOf = (table: string): string => `${MIRRORED_SCHEMA}.schema/${table}`

/** https://learn.microsoft.com/fabric/mirroring/open-mirroring-landing-zone-format: 20 digits, continuous. */
const pathOf = (table: string, number: number): string =>
  `${folderOf(table)}/${String(number).padStart(20, '0')}.parquet`

/** The files in a table's folder. The service removes those it has applied, except the last one. */
export async function numberedFiles(zone: Zone, table: string, signal: AbortSignal): Promise<NumberedFile[]> {
  const files: NumberedFile[] = []
  const folder = `${folderOf(table)}/`
  for await (const { key, bytes, lastModified } of list(zone, folder, signal)) {
    // Names that begin with an underscore are not data: the metadata, and a folder of applied files.
    const digits = /^(\d{20})\.[^/.]+$/.exec(key.slice(folder.length))?.[1]
    if (digits !== undefined) files.push({ number: Number(digits), bytes, lastModified })
  }
  return files.sort((a, b) => a.number - b.number)
}

/** How many files the service has not taken yet, and since when. The last file always stays, so it does not count. */
export function waitingOf(files: readonly NumberedFile[]): { readonly waiting: number; readonly since: Date | null } {
  const waiting = files.slice(0, -1).map(({ lastModified }) => lastModified.getTime())
  return { waiting: waiting.length, since: waiting.length === 0 ? null : new Date(Math.min(...waiting)) }
}

export const highestOf = (files: readonly NumberedFile[]): number => Math.max(0, ...files.map(({ number }) => number))

interface Committed {
  readonly held: Held
  readonly local: ReadonlyMap<string, string>
}

/**
 * Publishes every committed file that is still pending, no matter which run committed it. Call it before and after each commit.
 *
 * @param committed the manifest just written, and local copies of its pending files by path
 * @returns the manifest with nothing pending
 * @throws AuditError when there is no manifest, a newer version has written it, or a table's folder was emptied
 */
export async function publishPending(zone: Zone, signal: AbortSignal, committed?: Committed): Promise<Held> {
  for (let held = committed?.held ?? null; ; ) {
    held ??= await readManifest(zone, signal)
    if (held === null) throw unprepared(zone)
    const { manifest } = held
    refuseNewerLayout(zone.id, manifest.version)
    if (manifest.pending.length === 0) return held
    const next = afterwards(manifest, await publish(zone, manifest, committed?.local ?? new Map(), signal))
    held = await replaceManifest(zone, held, next, signal)
  }
}

/** A part whose number was taken stays pending under the next one. Our file of every other part is kept as its table's last. */
function afterwards(manifest: Manifest, refused: readonly Pending[]): Manifest {
  const tables = { ...manifest.tables }
  for (const { table, number, file } of manifest.pending) {
    const known = tables[table]
    if (known !== undefined && !refused.some((part) => part.file === file))
      tables[table] = { ...known, last: { number, file } }
  }
  for (const { table, number } of refused) {
    const known = tables[table]
    if (known !== undefined) tables[table] = { ...known, number }
  }
  return { ...manifest, tables, pending: refused }
}

async function publish(
  zone: Zone,
  { pending, tables }: Manifest,
  local: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Pending[]> {
  const folder = await scratchFolder()
  try {
    const refused: Pending[] = []
    for (const part of pending) {
      const ours = local.get(part.file) ?? join(folder, 'ours.parquet')
      // Another run published and removed it, so this manifest is not the newest.
      if (!local.has(part.file) && !(await download(zone, part.file, ours, signal))) continue
      const number = await publishOne(zone, part, tables[part.table]?.last ?? null, ours, folder, signal)
      if (number !== part.number) refused.push({ ...part, number })
    }
    return refused
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** @returns the part's own number once it is published; another number: the one to try next */
async function publishOne(
  zone: Zone,
  { table, number }: Pending,
  last: Last,
  ours: string,
  folder: string,
  signal: AbortSignal,
): Promise<number> {
  const files = await numberedFiles(zone, table, signal)
  noticeWaiting(zone, table, files)
  let highest = highestOf(files)
  if (number > highest + 1) {
    if (last?.number !== number - 1 || !(await restore(zone, table, last, highest, folder, signal)))
      throw emptied(zone, table, number - 1)
    highest = last.number
  }
  if (number === highest + 1) {
    const created = await upload(zone, pathOf(table, number), { file: ours }, 'absent', signal)
    if (created !== null) return number
  }
  const theirs = join(folder, 'theirs.parquet')
  const same = (await download(zone, pathOf(table, number), theirs, signal)) && (await equal(ours, theirs))
  return same ? number : Math.max(highest, number) + 1
}

/**
 * Puts a table's last file back if it was removed, as Microsoft's repair of a failing file does: the next number must follow it.
 * Applying it twice is harmless, because its rows are upserts and no later file has been applied. Not in a folder without
 * `_metadata.json`: that one was removed as a whole, and Fabric begins the table anew.
 *
 * @returns false when it cannot be put back safely
 */
async function restore(
  zone: Zone,
  table: string,
  { number, file }: NonNullable<Last>,
  highest: number,
  folder: string,
  signal: AbortSignal,
): Promise<boolean> {
  // Of several files that are missing only the last one has a copy.
  if (highest !== 0 && highest !== number - 1) return false
  if ((await readText(zone, `${folderOf(table)}/_metadata.json`, signal)) === null) return false
  const copy = join(folder, 'last.parquet')
  if (!(await download(zone, file, copy, signal))) return false
  await upload(zone, pathOf(table, number), { file: copy }, 'absent', signal)
  zone.onNotice(
    `${zone.id}: the last file of ${table}, ${number}, was missing and has been put back. If someone removed earlier files before Fabric had applied them, see "To start anew" in docs/fabric.md`,
  )
  return true
}

async function equal(one: string, other: string): Promise<boolean> {
  return (await readFile(one)).equals(await readFile(other))
}

const unprepared = ({ id }: Zone): AuditError =>
  new AuditError(`${id}: nothing of wandb-audit is in the landing zone yet`, { advice: 'Load something first.' })

const emptied = ({ id }: Zone, table: string, last: number): AuditError =>
  new AuditError(
    `${id}: the folder of ${table} does not hold its file ${last}, which always stays; nothing is published`,
    {
      advice: 'Someone emptied or recreated the folder. See "To start anew" in docs/fabric.md before loading again.',
    },
  )

/** Fabric takes a file within minutes while it runs. */
const LATE_MS = 60 * 60 * 1000

function noticeWaiting(zone: Zone, table: string, files: readonly NumberedFile[]): void {
  const { since } = waitingOf(files)
  if (since === null || Date.now() - since.getTime() < LATE_MS) return
  zone.onNotice(
    `${zone.id}: files of ${table} have been waiting since ${since.toISOString()}; replication seems to have stopped. Check the replication status of the mirrored database. Nothing is lost, and loading continues`,
  )
}
