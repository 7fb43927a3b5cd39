/**
 * An archived document: a zstd file whose first line says in JSON what it is, followed by the document's bytes as they came.
 *
 *     zstdcat FILE | head -1               # what it is
 *     zstdcat FILE | tail -n +2            # the document
 *     zstdcat FILE | tail -n +2 | sha256sum  # the hash in its name
 */

import { createHash } from 'node:crypto'
import type { DayRange, Document } from '../contract.js'
import { AuditError } from '../errors.js'

/** What a replay needs to know of a document, besides its bytes. */
export interface Heading {
  /** The id of its source. */
  readonly source: string
  readonly document: string
  /** Null when the SHA-256 is the version. */
  readonly version: string | null
  readonly range: DayRange | null
  readonly ndjson: boolean
  /** Whether it is an export of a sink. */
  readonly isExport?: true
  /** When it was read; `order` tells apart what one run read in the same millisecond. */
  readonly readAt: Date
  readonly order: number
}

/** A heading is a line this long at most. */
export const MOST_HEADING_BYTES = 64 * 1024

const FORMAT = 1
const SUFFIX = '.zst'
/** The day in the key of a document that has none. */
export const UNDATED = 'undated'
const MOST_SLUG = 64

export function headingOf(source: string, document: Document, readAt: Date, order: number): Heading {
  const { id, version, range, isNdjson: ndjson = false, isExport } = document
  return { source, document: id, version, range, ndjson, readAt, order, ...(isExport ? { isExport } : {}) }
}

/** The first line of an archived document, with its line end. */
export function headingLine({ range, readAt, isExport, ...others }: Heading): string {
  const span = range === null ? null : { from: range.from?.toISOString() ?? null, to: range.to?.toISOString() ?? null }
  const heading = {
    wandb_audit_archive: FORMAT,
    ...others,
    range: span,
    read_at: readAt.toISOString(),
    export: isExport,
  }
  return `${JSON.stringify(heading)}\n`
}

/** @throws AuditError when the line is no heading, or one of a later format */
export function parseHeading(line: string): Heading {
  let found: Record<string, unknown>
  try {
    found = JSON.parse(line)
  } catch {
    throw damaged()
  }
  const {
    wandb_audit_archive: format,
    source,
    document,
    version,
    range,
    ndjson,
    read_at: readAt,
    order,
    export: exported,
  } = found ?? {}
  if (typeof format === 'number' && format > FORMAT) {
    throw new AuditError('a later version of wandb-audit archived it', { advice: 'Upgrade wandb-audit.' })
  }
  const isWhole =
    format === FORMAT && typeof source === 'string' && typeof document === 'string' && typeof ndjson === 'boolean'
  if (!isWhole || !(version === null || typeof version === 'string') || !isCount(order)) throw damaged()
  if (!isWellFormed(source)) throw damaged()
  const heading = { source, document, version, ndjson, order, range: rangeIn(range), readAt: instantIn(readAt) }
  return exported === true ? { ...heading, isExport: true } : heading
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** A lone surrogate has no place in a key. */
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)

function rangeIn(range: unknown): DayRange | null {
  if (range === null) return null
  if (typeof range !== 'object') throw damaged()
  const { from = null, to = null } = range as { from?: unknown; to?: unknown }
  return { from: from === null ? null : instantIn(from), to: to === null ? null : instantIn(to) }
}

function instantIn(text: unknown): Date {
  const instant = new Date(typeof text === 'string' ? text : Number.NaN)
  // Years have four digits.
  if (Number.isNaN(instant.getTime()) || instant.toISOString().length !== 24) throw damaged()
  return instant
}

const damaged = (): AuditError =>
  new AuditError('its heading is damaged', { advice: 'Restore the object from a copy of the archive.' })

/**
 * The key of a document in an archive, below the archive's prefix: source, day, document, SHA-256. Every part is safe in any
 * store and in a file system, whatever the document is called.
 *
 * @param sha256 of the bytes as they came
 */
export function keyOf(heading: Omit<Heading, 'readAt' | 'order'>, sha256: string): string {
  const { source, document, version, range, ndjson, isExport } = heading
  const name = document
    .replace(/^.*\//s, '')
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .slice(-MOST_SLUG)
    .replace(/^\.+/, '_')
  // A name is not unique: documents in two folders may share it, and a document may be read in several versions.
  const identity = createHash('sha256')
    .update(JSON.stringify([source, document, version ?? sha256, range, ndjson, ...(isExport ? ['export'] : [])]))
    .digest('hex')
  return [encodeURIComponent(source), dayOf(heading), `${name}-${identity.slice(0, 32)}`, `${sha256}${SUFFIX}`].join(
    '/',
  )
}

/** 2026-10-01, 2026/10/01, 20261001: the first one counts. */
const DATE = /(?<!\d)(20\d\d)([-_/.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)/

/** The day that the document is a window of, or the first one in its name. */
function dayOf({ document, range }: Pick<Heading, 'document' | 'range'>): string {
  if (range?.from != null) return range.from.toISOString().slice(0, 10)
  return dayInName(document) ?? UNDATED
}

/** The first day that a document's name has; null if it has none. */
export function dayInName(document: string): string | null {
  const [, year, , month, day] = DATE.exec(document) ?? []
  return year === undefined ? null : `${year}-${month}-${day}`
}

export interface ParsedKey {
  readonly source: string
  /** `2026-10-01`, or `undated`; not proven, like all of the name. */
  readonly day: string
  readonly sha256: string
}

/** Null when it is no key of an archived document. */
export function parseKey(key: string): ParsedKey | null {
  const [, source = '', day = '', sha256 = ''] = /^([^/]+)\/([^/]+)\/[^/]+\/([0-9a-f]{64})\.zst$/.exec(key) ?? []
  if (source === '') return null
  try {
    return { source: decodeURIComponent(source), day, sha256 }
  } catch {
    return null
  }
}

/** What the keys of a source's documents begin with. */
export const sourceFolder = (source: string): string => `${encodeURIComponent(source)}/`

/** What the keys of a day's documents begin with. @param day or `undated` */
export const dayFolder = (source: string, day: string): string => `${sourceFolder(source)}${day}/`
