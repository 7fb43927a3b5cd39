/**
 * The manifest: one small file that says what is loaded. Replacing it commits a batch; a file that it does not name does not
 * exist for readers.
 */

import { z } from 'zod'
import { LAYOUT_VERSION } from '../../schemas/tables.js'
import { AuditError } from '../../src/errors.js'
import { refuseNewerLayout } from '../shared/layout.js'
import { OWN, readText, remove, upload, type Zone } from './zone.js'

const PATH = `${OWN}/manifest.json`

/** Tables whose rows we keep a second copy of: receipts, and what `rejects` and `status` show. */
export const JOURNALS = [
  'audit_documents',
  'audit_loads',
  'audit_rejects',
  'audit_reject_pieces',
  'audit_conflicts',
] as const
export type JournalName = (typeof JOURNALS)[number]

const file = z.string()
/** An earlier version kept fewer. */
const journal = z
  .array(z.strictObject({ file, level: z.int() }))
  .readonly()
  .default([])

const layout = z.int().default(1)

const manifest = z.strictObject({
  /** Of the layout: the mark of all that is here and in the tables. */
  version: layout,
  /** By UTC day: the file with the columns that the merge rule reads, and the number of events by source. */
  days: z.record(z.string(), z.strictObject({ file, events: z.record(z.string(), z.int()) })),
  journals: z.strictObject({
    audit_documents: journal,
    audit_loads: journal,
    audit_rejects: journal,
    audit_reject_pieces: journal,
    audit_conflicts: journal,
  }),
  /**
   * By mirrored table: the number of its last file, the hash of its opening file's columns and rows, and our copy of the file
   * that was published last, should the one in the table's folder be lost.
   */
  tables: z.record(
    z.string(),
    z.strictObject({
      number: z.int(),
      opening: z.string().nullable(),
      last: z.strictObject({ number: z.int(), file }).nullable().default(null),
    }),
  ),
  /** The rows of audit_privacy, which is not mirrored: loads read it, analysts need not. */
  privacy: z
    .array(
      z.strictObject({
        privacy_id: z.string(),
        kind: z.enum(['rules', 'erased']),
        value: z.string(),
        made_at: z.string(),
      }),
    )
    .readonly()
    .default([]),
  /** Committed files that may not have reached their table's folder yet; at most one per table. */
  pending: z.array(z.strictObject({ table: z.string(), number: z.int(), file })).readonly(),
})

export type Manifest = z.infer<typeof manifest>

/** A manifest as stored; `version` is the store's. */
export interface Held {
  readonly manifest: Manifest
  readonly version: string
}

/** @throws AuditError when it is none that this version can read */
export async function readManifest(zone: Zone, signal: AbortSignal): Promise<Held | null> {
  const found = await readText(zone, PATH, signal)
  if (found === null) return null
  const json = jsonOf(found.text)
  const parsed = manifest.safeParse(json)
  if (parsed.success) return { manifest: parsed.data, version: found.version }
  refuseNewerLayout(zone.id, z.object({ version: layout }).safeParse(json).data?.version ?? null)
  throw new AuditError(`${zone.id}: ${PATH} is not a manifest that this version reads; nothing is loaded`, {
    outside: true,
    advice: 'Someone edited it: put back what was there, or see "To start anew" in docs/fabric.md.',
  })
}

/**
 * Replaces the held manifest by compare-and-swap, and removes the files that the new one no longer names.
 *
 * @returns null when another publisher was faster; nothing is changed then
 */
export async function replaceManifest(
  zone: Zone,
  held: Held | null,
  next: Manifest,
  signal: AbortSignal,
): Promise<Held | null> {
  const marked = { ...next, version: LAYOUT_VERSION }
  const content = Buffer.from(JSON.stringify(marked))
  const version = await upload(zone, PATH, content, held === null ? 'absent' : { version: held.version }, signal)
  if (version === null) return null
  const kept = filesOf(next)
  const superseded = held === null ? [] : [...filesOf(held.manifest)].filter((path) => !kept.has(path))
  // Already committed: a later run sweeps what stays behind.
  await remove(zone, superseded, signal).catch(() => {})
  return { manifest: marked, version }
}

/** Every file the manifest names, and itself. */
export function filesOf({ days, journals, tables, pending }: Manifest): ReadonlySet<string> {
  return new Set([
    PATH,
    ...Object.values(days).map((day) => day.file),
    ...JOURNALS.flatMap((name) => journals[name].map((part) => part.file)),
    ...Object.values(tables).flatMap(({ last }) => last?.file ?? []),
    ...pending.map((part) => part.file),
  ])
}

/** `days/<day>/<commit>.parquet` or `<table>/<commit>[-<level>].parquet`: the only files that this sink makes and removes. */
const OWN_DATA = new RegExp(
  `^${OWN}/(?:days/\\d{4}-\\d\\d-\\d\\d|audit_[a-z_]+)/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-\\d+)?\\.parquet$`,
)

export const isOwnData = (path: string): boolean => OWN_DATA.test(path)

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
