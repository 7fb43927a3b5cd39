/** Rows as sinks get them, in SQL. */

import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  type DuckDBVector,
  VARCHAR,
} from '@duckdb/node-api'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import { PERSONAL, type Privacy, type Shown, shownBy } from './shown.js'

const VALUE = 'shown_value'
const EXTRA = 'shown_extra'
const ERASED_ID = 'erased_id'
const RAW = 'shown_raw'
/** Of the text before a piece: an e-mail address may begin there, each of its characters an escape. */
const BEFORE = 2048

export interface PrivateSql {
  /** A SELECT from a relation with the columns of audit_events, as sinks get them. */
  events(rows: string): string
  /** Expression for the `raw` of a reject of one piece. The column may not be null. */
  readonly raw: string
  /**
   * Statements that take pieces which sinks do not get out of `reject_pieces`, and collect the ids of their rejects in
   * `hidden_rejects`. `rejected_lines` has the first piece of each.
   */
  readonly hidePieces: readonly string[]
  /** Registers the functions that these statements call. */
  register(connection: DuckDBConnection): void
}

/** The column with the id of the person whom another column names. */
const ID_OF: Readonly<Record<string, string>> = { actor_email: 'actor_user_id', user_email: 'user_asset' }

export function privateSql(privacy: Privacy): PrivateSql {
  const { rules, erased } = privacy
  const hasErasures = erased.size > 0
  const changed = new Set([...rules.columns.keys(), ...(hasErasures ? PERSONAL : [])])

  function shown(column: string): string {
    const quoted = quotedIdentifier(column)
    if (rules.columns.get(column) === 'drop') return `CAST(NULL AS VARCHAR)`
    const value = `${VALUE}(${quotedString(column)}, ${quoted})`
    const id = hasErasures ? ID_OF[column] : undefined
    return id === undefined ? value : `CASE WHEN ${ERASED_ID}(${quotedIdentifier(id)}) IS NULL THEN ${value} END`
  }

  function extra(): string | null {
    if (!rules.keepsExtra) return 'CAST(NULL AS JSON)'
    return changed.size === 0 ? null : `CAST(${EXTRA}(CAST(extra AS VARCHAR)) AS JSON)`
  }

  const shownExtra = extra()
  const replaced = [
    ...[...changed].map((column) => `${shown(column)} AS ${quotedIdentifier(column)}`),
    ...(shownExtra === null ? [] : [`${shownExtra} AS extra`]),
  ]

  return {
    events: (rows) => (replaced.length === 0 ? rows : `SELECT * REPLACE (${replaced.join(', ')}) FROM (${rows})`),
    raw: !rules.keepsRaw ? "''" : hasErasures ? `${RAW}(raw)` : 'raw',
    hidePieces: hidden(rules.keepsRaw, hasErasures),
    register: (connection) => {
      if (replaced.length > 0 || hasErasures) register(connection, shownBy(privacy))
    },
  }
}

function hidden(keepsRaw: boolean, hasErasures: boolean): string[] {
  const pieces = `
    SELECT reject_id, 1 AS piece, raw FROM rejected_lines WHERE reject_id IS NOT NULL
    UNION ALL SELECT reject_id, piece, raw FROM reject_pieces`
  const mentioning = `
    SELECT DISTINCT reject_id FROM (
      SELECT reject_id, concat(right(lag(raw) OVER (PARTITION BY reject_id ORDER BY piece), ${BEFORE}), raw) AS raw
      FROM (${pieces})
    ) WHERE ${RAW}(raw) = '' AND raw <> ''`
  const none = 'SELECT reject_id FROM reject_pieces LIMIT 0'
  return [
    `CREATE TABLE hidden_rejects AS ${!keepsRaw ? 'SELECT DISTINCT reject_id FROM reject_pieces' : hasErasures ? mentioning : none}`,
    'DELETE FROM reject_pieces WHERE reject_id IN (SELECT reject_id FROM hidden_rejects)',
  ]
}

/** A later registration replaces an earlier one. The functions return NULL when an argument is NULL. */
function register(connection: DuckDBConnection, shown: Shown): void {
  const add = (name: string, parameters: number, of: (...texts: string[]) => string | null): void =>
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes: Array<typeof VARCHAR>(parameters).fill(VARCHAR),
        returnType: VARCHAR,
        mainFunction: (_info, input: DuckDBDataChunk, output: DuckDBVector) => {
          const columns = Array.from({ length: parameters }, (_, i) => input.getColumnVector(i))
          for (let row = 0; row < input.rowCount; row++) {
            const texts = columns.map((column) => column.getItem(row))
            output.setItem(row, texts.includes(null) ? null : of(...texts.map(String)))
          }
          output.flush()
        },
      }),
    )
  add(VALUE, 2, (column = '', text = '') => shown.value(column, text))
  add(EXTRA, 1, (json = '') => shown.extra(json))
  add(RAW, 1, (raw = '') => (shown.mentionsErased(raw) ? '' : raw))
  add(ERASED_ID, 1, (id = '') => (shown.isErased('id', id) ? id : null))
}
