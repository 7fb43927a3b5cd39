/** Maps rows to files of the lake. The files have the tables' columns, in the tables' order. */

import {
  AUDIT_ACTIONS,
  AUDIT_CONFLICTS,
  AUDIT_DOCUMENTS,
  AUDIT_EVENTS,
  AUDIT_FINDINGS,
  AUDIT_LOADS,
  AUDIT_PRIVACY,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  LAYOUT_VERSION,
  type Table,
} from '../../schemas/tables.js'
import { EVENT_DAY } from '../shared/batch-days.js'
import { nameIn } from './names.js'

/** One more than that of the tables: since its first layout the lake has given each version of a file another name. */
export const LAKE_LAYOUT = LAYOUT_VERSION + 1

/**
 * A row's file depends only on columns that never change. So a row that is loaded again meets its earlier copy, no row is in two
 * files, and replacing one file is the only step that has to be atomic.
 */
export interface Layout {
  readonly table: Table
  /** SQL expression: the partition of a row. */
  readonly part: string
  /** Pattern of partition names. */
  readonly form: RegExp
  /** The partition's file, from the root of the lake, without version and ending: names.ts. */
  stem(part: string): string
}

export const EVENTS: Layout = {
  table: AUDIT_EVENTS,
  part: EVENT_DAY,
  form: /^\d{4}-\d\d-\d\d$/,
  stem: (day) => `audit_events/event_date=${day}/events`,
}

export const REJECTS: Layout = {
  table: AUDIT_REJECTS,
  part: 'left(reject_id, 1)',
  form: /^[0-9a-f]$/,
  stem: (digit) => `audit_rejects/part-${digit}`,
}

export const REJECT_PIECES: Layout = {
  table: AUDIT_REJECT_PIECES,
  part: 'left(reject_id, 1)',
  form: /^[0-9a-f]$/,
  stem: (digit) => `audit_reject_pieces/part-${digit}`,
}

export const CONFLICTS: Layout = {
  table: AUDIT_CONFLICTS,
  part: 'left(conflict_id, 1)',
  form: /^[0-9a-f]$/,
  stem: (digit) => `audit_conflicts/part-${digit}`,
}

export const DOCUMENTS: Layout = {
  table: AUDIT_DOCUMENTS,
  part: `left(sha256(concat(source, ' ', document)), 1)`,
  form: /^[0-9a-f]$/,
  stem: (digit) => `audit_documents/part-${digit}`,
}

export const LOADS: Layout = {
  table: AUDIT_LOADS,
  part: `strftime(started_at AT TIME ZONE 'UTC', '%Y-%m')`,
  form: /^\d{4}-\d\d$/,
  stem: (month) => `audit_loads/${month}`,
}

export const ACTIONS: Layout = {
  table: AUDIT_ACTIONS,
  part: `'actions'`,
  form: /^actions$/,
  stem: (name) => `audit_actions/${name}`,
}

export const PRIVACY: Layout = {
  table: AUDIT_PRIVACY,
  part: `'privacy'`,
  form: /^privacy$/,
  stem: (name) => `audit_privacy/${name}`,
}

export const FINDINGS: Layout = {
  table: AUDIT_FINDINGS,
  part: `'findings'`,
  form: /^findings$/,
  stem: (name) => `audit_findings/${name}`,
}

/** Every table of the lake. */
export const LAYOUTS: readonly Layout[] = [
  EVENTS,
  REJECTS,
  REJECT_PIECES,
  CONFLICTS,
  DOCUMENTS,
  LOADS,
  ACTIONS,
  PRIVACY,
  FINDINGS,
]

const BY_NAME = new Map(LAYOUTS.map((layout) => [layout.table.name, layout]))

/** Throws for a table that is in no lake. */
export function layoutOf({ name }: Table): Layout {
  const layout = BY_NAME.get(name)
  if (layout === undefined) throw new Error(`${name} is in no lake`)
  return layout
}

/** The common prefix of a table's files. */
export const folderOf = ({ table }: Layout): string => `${table.name}/`

/** A file of a table, whatever its version. */
export interface LakeFile {
  readonly table: Table
  /** From the root of the lake, without version and ending. */
  readonly stem: string
}

export const fileOf = ({ table, stem }: Layout, part: string): LakeFile => ({ table, stem: stem(part) })

/** The partition that a file (from the root of the lake) has rows of; null when it is not part of the table. */
export function partOf(layout: Layout, key: string): string | null {
  const name = nameIn(key)
  return name === null ? null : partOfStem(layout, name.stem)
}

function partOfStem({ form, stem }: Layout, of: string): string | null {
  const [before = '', after = ''] = stem('\0').split('\0')
  if (!of.startsWith(before) || !of.endsWith(after)) return null
  const part = of.slice(before.length, of.length - after.length)
  return form.test(part) ? part : null
}

/** The table of a file without version and ending; undefined when it is of none. */
export const tableOf = (stem: string): Table | undefined =>
  LAYOUTS.find((layout) => partOfStem(layout, stem) !== null)?.table
