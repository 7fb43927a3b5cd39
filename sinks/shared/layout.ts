/**
 * The version of the layout of a sink's tables, kept in a mark beside them. Tables without a mark have version 1.
 * docs/decisions/layout-version.md
 */

import { LAYOUT_VERSION } from '../../schemas/tables.js'
import { AuditError, printable } from '../../src/errors.js'

/** As text: a comment on a table, or a file beside the tables. */
export const layoutMark = (version: number): string => `wandb-audit, layout ${version}`
export const LAYOUT_MARK = layoutMark(LAYOUT_VERSION)

/** The version that a mark in `text` names; null if it has none. */
export function layoutIn(text: string): number | null {
  const version = /wandb-audit, layout (\d+)/.exec(text)?.[1]
  return version === undefined ? null : Number(version)
}

const REFUSAL = { advice: 'Load with the version that made it, or name another place with --to.', outside: true }

/**
 * @param layout what the mark names; null when there is none
 * @param known  the newest that this version writes there
 * @throws AuditError when only a newer version of wandb-audit may write to the tables
 */
export function refuseNewerLayout(id: string, layout: number | null, known = LAYOUT_VERSION): void {
  if (layout === null || layout <= known) return
  throw new AuditError(`${id}: a newer version of wandb-audit made its tables; nothing is changed`, REFUSAL)
}

/** For files that would have to be rewritten without a column, because only a newer version knows it. */
export const unknownColumn = (id: string, table: string, column: string): AuditError =>
  new AuditError(`${id}: ${table} has a column ${printable(column)}, which this version does not know`, REFUSAL)
