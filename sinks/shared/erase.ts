/** The statements that clear what an erasure lists, in SQL that all warehouses read alike. */

import { createHash } from 'node:crypto'
import {
  AUDIT_CONFLICTS,
  AUDIT_EVENTS,
  AUDIT_REJECT_PIECES,
  AUDIT_REJECTS,
  NAME_FIELDS,
  type Table,
} from '../../schemas/tables.js'
import type { Erasure } from '../../src/contract.js'

export interface EraseForms {
  /** A table's quoted name. */
  table(name: string): string
  /** A column's quoted name. */
  quote(name: string): string
  /** Expression: SHA-256 of a text as lower-case hex. */
  digest(text: string): string
  /** Condition for every event, where a table must not be changed without one on its time. */
  readonly anyTime?: string
}

export interface EraseStatement {
  readonly table: Table
  readonly sql: string
}

/** Digests in one list: about 35 KB, so that a statement stays below every limit. */
const MOST_DIGESTS = 500

/** By column, the columns by whose values it is cleared. */
const CLEARED_BY: Readonly<Record<string, readonly string[]>> = {
  actor_email: ['actor_email', 'actor_user_id'],
  user_email: ['user_email', 'user_asset'],
  entity_name: ['entity_name'],
  project_name: ['project_name'],
  report_name: ['report_name'],
  artifact_qualified_name: ['artifact_qualified_name'],
}

/**
 * Values are compared by their digests: warehouses keep the text of statements for weeks, and an erased name must not live on
 * there. Each statement may be repeated.
 */
export function eraseStatements(erasure: Erasure, { table, quote, digest, anyTime }: EraseForms): EraseStatement[] {
  const statements: EraseStatement[] = []
  const add = (of: Table, sql: (name: string) => string): void => {
    const timed = of === AUDIT_EVENTS && anyTime !== undefined ? ` AND ${anyTime}` : ''
    statements.push({ table: of, sql: sql(table(of.name)) + timed })
  }
  for (const [cleared, columns] of Object.entries(CLEARED_BY)) {
    for (const column of columns) {
      const digests = [...(erasure.values.get(column) ?? [])].map(sha256)
      for (const list of lists(digests)) {
        add(
          AUDIT_EVENTS,
          (events) =>
            `UPDATE ${events} SET ${cleared} = NULL WHERE ${cleared} IS NOT NULL AND ${digest(column)} IN (${list})`,
        )
      }
    }
  }
  for (const list of lists([...erasure.extras]))
    add(AUDIT_EVENTS, (events) => `UPDATE ${events} SET extra = NULL WHERE content_hash IN (${list})`)
  if (statements.length > 0) {
    const none = NAME_FIELDS.map((name) => `${name} IS NULL`).join(' AND ')
    add(
      AUDIT_EVENTS,
      (events) => `UPDATE ${events} SET names_document = NULL WHERE names_document IS NOT NULL AND ${none}`,
    )
  }
  for (const list of lists([...erasure.conflicts]))
    add(AUDIT_CONFLICTS, (conflicts) => `DELETE FROM ${conflicts} WHERE conflict_id IN (${list})`)
  for (const list of lists([...erasure.rejects])) {
    add(AUDIT_REJECT_PIECES, (pieces) => `DELETE FROM ${pieces} WHERE reject_id IN (${list})`)
    add(AUDIT_REJECTS, (rejects) => `UPDATE ${rejects} SET ${quote('raw')} = '' WHERE reject_id IN (${list})`)
  }
  return statements
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function* lists(digests: readonly string[]): Generator<string> {
  for (let from = 0; from < digests.length; from += MOST_DIGESTS) {
    yield digests
      .slice(from, from + MOST_DIGESTS)
      .map((hex) => `'${hex.replaceAll(/[^0-9a-f]/g, '')}'`)
      .join(', ')
  }
}
