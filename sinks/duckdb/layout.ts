/** Whose tables these are. Ours have the version of their layout as a comment; nobody else's are written to or replaced. */

import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { TABLES, type Table } from '../../schemas/tables.js'
import { AuditError } from '../../src/errors.js'
import { DUCKDB_VIEWS } from '../shared/duckdb-forms.js'
import { layoutIn, refuseNewerLayout } from '../shared/layout.js'

/** What stands under our names, by name. */
export type Standing = ReadonlyMap<string, Found>

interface Found {
  readonly kind: 'table' | 'view'
  readonly comment: string | null
  /** Type by column. */
  readonly columns: ReadonlyMap<string, string>
}

/**
 * Looks at what stands under our names in the schema in use, before anything is made or changed.
 *
 * A table without a mark is one that an earlier version made if it has our columns alone, of our types, and none is
 * missing that must not be null; a view if it has the columns that ours would have.
 *
 * @returns what it found
 * @throws AuditError when something else stands there, or a newer version made it
 */
export async function refuseForeign(connection: DuckDBConnection, id: string): Promise<Standing> {
  const found = await findOurNames(connection)
  for (const table of TABLES) {
    const there = found.get(table.name)
    if (there === undefined || isMarked(there, 'table', id)) continue
    if (there.kind !== 'table' || !isEarlier(there, table)) throw foreign(id, there.kind, table.name)
  }
  for (const { name } of DUCKDB_VIEWS) {
    const there = found.get(name)
    if (there !== undefined && !isMarked(there, 'view', id) && there.kind !== 'view')
      throw foreign(id, there.kind, name)
  }
  return found
}

/**
 * @param standing what refuseForeign returned
 * @throws AuditError when an unmarked view has other columns than ours, which the current schema's tables give: it answers another question
 */
export async function refuseForeignViews(connection: DuckDBConnection, id: string, standing: Standing): Promise<void> {
  const isUnmarked = (there: Found | undefined): there is Found => there !== undefined && !isMarked(there, 'view', id)
  const unmarked = DUCKDB_VIEWS.filter(({ name }) => isUnmarked(standing.get(name)))
  if (unmarked.length === 0) return
  // Its columns may depend on the tables, which have changed.
  const found = await findOurNames(connection)
  for (const { name, sql } of unmarked) {
    const there = found.get(name)
    if (there === undefined) continue
    const ours = (await connection.runAndReadAll(`DESCRIBE ${sql}`)).getRows().map(([column]) => String(column))
    if ([...there.columns.keys()].join('\n') !== ours.join('\n')) throw foreign(id, 'view', name)
  }
}

async function findOurNames(connection: DuckDBConnection): Promise<Standing> {
  const names = [...TABLES, ...DUCKDB_VIEWS].map(({ name }) => `'${name}'`).join(', ')
  const here = 'database_name = current_database() AND schema_name = current_schema()'
  const result = await connection.runAndReadAll(`
    SELECT c.table_name, coalesce(t.kind, 'view') AS kind, t.comment, c.column_name, c.data_type
    FROM duckdb_columns() AS c
    JOIN (
      SELECT table_name, 'table' AS kind, comment FROM duckdb_tables() WHERE ${here}
      UNION ALL SELECT view_name, 'view', comment FROM duckdb_views() WHERE ${here}
    ) AS t USING (table_name)
    WHERE ${here} AND c.table_name IN (${names})
    ORDER BY c.table_name, c.column_index`)
  const found = new Map<string, Found & { columns: Map<string, string> }>()
  for (const [name, kind, comment, column, type] of result.getRows()) {
    const there = found.get(String(name)) ?? {
      kind: kind === 'table' ? ('table' as const) : ('view' as const),
      comment: comment === null ? null : String(comment),
      columns: new Map<string, string>(),
    }
    there.columns.set(String(column), String(type))
    found.set(String(name), there)
  }
  return found
}

function isMarked({ kind, comment }: Found, wanted: Found['kind'], id: string): boolean {
  const layout = kind === wanted ? layoutIn(comment ?? '') : null
  refuseNewerLayout(id, layout)
  return layout !== null
}

/** As DuckDB tells it. */
const typeOf = ({ type }: Table['columns'][number]): string =>
  type === 'timestamp' ? 'TIMESTAMP WITH TIME ZONE' : DUCKDB.types[type]

function isEarlier({ columns }: Found, table: Table): boolean {
  const ours = new Map(table.columns.map((column) => [column.name, typeOf(column)]))
  const isWhole = table.columns.every(({ name, required }) => !required || columns.has(name))
  return isWhole && [...columns].every(([name, type]) => ours.get(name) === type)
}

function foreign(id: string, kind: Found['kind'], name: string): AuditError {
  return new AuditError(`${id}: the ${kind} ${name} is not one that wandb-audit made; nothing is changed`, {
    advice:
      'Load into a schema of its own (?schema=wandb behind the file), into another file, or rename what is there.',
    outside: true,
  })
}
