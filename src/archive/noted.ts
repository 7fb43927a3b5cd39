/**
 * What a run knows at first hand about the documents it archived, so that sealing need not read them back. None of it comes from
 * the archive, where someone else might have put it.
 */

import type { Batch } from '../contract.js'
import { interruptible } from '../duckdb/connection.js'
import type { Contents, DocumentCounts, Totals } from './contents.js'
import { type Heading, parseKey } from './format.js'
import { documentCounts, MOST_DAYS, NO_EVENTS, type Sums, totalsOf } from './tally.js'

/** An object that this run wrote, or found equal to what it was about to write. */
export interface Kept {
  /** Relative to the archive's prefix. */
  readonly key: string
  readonly heading: Heading
  /** Size of the object. */
  readonly bytes: number
}

/** A document of a batch, and its object. */
export interface KeptDocument {
  readonly id: string
  /** Lines that are not blank. */
  readonly lines: number
  readonly kept: Kept
}

/** Further documents are read back: each one that is known takes half a kilobyte of memory. */
const MOST_DOCUMENTS = 100_000

/** Documents of one batch whose keys name the same day. */
interface Group {
  readonly documents: ReadonlyMap<string, Known>
  /** For all of them together; null without events. */
  readonly sums: Sums | null
}

interface Known extends DocumentCounts {
  readonly kept: Kept
}

export class Noted {
  /** By source, and day in the keys. */
  private readonly groups = new Map<string, Group[]>()
  private documents = 0

  /**
   * Counts a batch whose documents are archived. Notes nothing if the counts would not be those of whole documents.
   *
   * @throws what the engine throws, or AuditError when the signal is aborted
   */
  async add(source: string, batch: Batch, documents: readonly KeptDocument[], signal: AbortSignal): Promise<void> {
    if (documents.length !== batch.documents || this.documents + documents.length > MOST_DOCUMENTS) return
    await interruptible(batch.engine, signal, async () => {
      const counts = await documentCounts(batch)
      const folders = new Map<string, Map<string, Known>>()
      for (const { id, lines, kept } of documents) {
        const counted = counts.get(id)
        // A load of certain days skips events of other days.
        if (counted === undefined || counted.lines !== lines) return
        const folder = parseKey(kept.key)?.day ?? ''
        const known = folders.get(folder) ?? new Map<string, Known>()
        folders.set(folder, known.set(kept.key, { ...counted, kept }))
      }
      const sums = await sumsOf(batch, documents)
      for (const [folder, known] of folders) {
        const name = groupsName(source, folder)
        this.groups.set(name, [...(this.groups.get(name) ?? []), { documents: known, sums: sums.get(folder) ?? null }])
      }
      this.documents += documents.length
    })
  }

  /**
   * @param folder  the day in the keys
   * @param objects as listed now
   * @returns null unless everything is known about exactly these objects
   */
  contentsOf(source: string, folder: string, objects: readonly ListedObject[]): Contents | null {
    const keys = new Set(objects.map(({ key }) => key))
    const groups = (this.groups.get(groupsName(source, folder)) ?? []).filter(({ documents }) =>
      [...documents.keys()].some((key) => keys.has(key)),
    )
    const documents = new Map(groups.flatMap((group) => [...group.documents]))
    const isSame = ({ key, object }: ListedObject): boolean => documents.get(key)?.kept.bytes === object.bytes
    const totals = documents.size === objects.length && objects.every(isSame) ? together(groups) : null
    return totals === null
      ? null
      : {
          totals,
          heading: (key) => documents.get(key)?.kept.heading,
          counts: (key) => documents.get(key),
          failure: () => undefined,
        }
  }
}

interface ListedObject {
  readonly key: string
  readonly object: { readonly bytes: number }
}

const groupsName = (source: string, folder: string): string => `${folder} ${source}`

/** By the day in the keys. */
async function sumsOf(
  { engine, appearances }: Batch,
  documents: readonly KeptDocument[],
): Promise<ReadonlyMap<string, Sums>> {
  await engine.run('CREATE OR REPLACE TABLE noted (document VARCHAR, folder VARCHAR)')
  try {
    const appender = await engine.createAppender('noted')
    for (const { id, kept } of documents) {
      appender.appendVarchar(id)
      appender.appendVarchar(parseKey(kept.key)?.day ?? '')
      appender.endRow()
    }
    appender.closeSync()
    const distinct = appearances.mayRepeat ? 'DISTINCT' : ''
    const events = `SELECT ${distinct} folder, "timestamp", action, content_hash FROM ${appearances.relation} JOIN noted USING (document)`
    return await totalsOf(engine, `(${events})`)
  } finally {
    await engine.run('DROP TABLE noted')
  }
}

/** Null if groups may share an event, which must be counted only once. */
function together(groups: readonly Group[]): Totals | null {
  const all = groups.flatMap(({ sums }) => (sums === null ? [] : [sums]))
  const [first, ...others] = all.toSorted((a, b) => (a.least < b.least ? -1 : 1))
  if (first === undefined) return NO_EVENTS
  let { least: _, greatest, ...totals } = first
  for (const sums of others) {
    if (sums.least <= greatest || totals.other_days.events + sums.other_days.events > 0) return null
    greatest = sums.greatest
    totals = added(totals, sums)
  }
  return Object.keys(totals.days).length > MOST_DAYS ? null : totals
}

function added(a: Totals, b: Totals): Totals {
  const days = { ...a.days }
  for (const [day, { events, digest }] of Object.entries(b.days)) {
    const before = days[day] ?? NO_EVENTS.other_days
    days[day] = { events: before.events + events, digest: String(BigInt(before.digest) + BigInt(digest)) }
  }
  const actions = { ...a.actions }
  for (const [action, events] of Object.entries(b.actions)) actions[action] = (actions[action] ?? 0) + events
  return {
    events: a.events + b.events,
    ...{ actions: inOrder(actions), other_actions: a.other_actions + b.other_actions },
    ...{ days: inOrder(days), other_days: a.other_days },
  }
}

/** In the order that counting all of them at once would give. */
const inOrder = <T>(record: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
