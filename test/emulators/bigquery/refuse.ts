/** What BigQuery refuses before it runs a statement. */

import { cstVisitor, type Node, type Statement } from 'sql-parser-cst'
import { invalidQuery } from './answers.js'
import type { Catalog } from './catalog.js'
import type { Script } from './script.js'
import { textOf } from './translate.js'

export type Scoped = Extract<
  Node,
  { type: 'select_stmt' | 'update_stmt' | 'delete_stmt' | 'merge_stmt' | 'insert_stmt' }
>

/** The table of the catalog, as `dataset.table`, whose rows a statement changes in place; undefined where it changes none. */
export function changedBy(sql: string, statement: Node, catalog: Catalog, defaultDataset?: string): string | undefined {
  if (!/^(?:update|delete|merge)_stmt$/.test(statement.type)) return undefined
  const [, target = ''] =
    /^\s*(?:UPDATE|DELETE(?:\s+FROM)?|MERGE(?:\s+INTO)?)\s+(\S+)/i.exec(textOf(sql, statement)) ?? []
  const parts = target.replaceAll('`', '').split('.')
  const name = parts.length === 1 ? `${defaultDataset}.${parts[0]}` : parts.slice(-2).join('.')
  const isKnown = catalog
    .allTables()
    .some(({ tableReference: { datasetId, tableId } }) => `${datasetId}.${tableId}` === name)
  return isKnown ? name : undefined
}

/**
 * A table with `requirePartitionFilter` is read only where its partition column is compared with constants.
 * https://cloud.google.com/bigquery/docs/querying-partitioned-tables#require-filter
 */
export function refuseUnfiltered(catalog: Catalog, { sql, program, defaultDataset }: Script): void {
  for (const { requirePartitionFilter, timePartitioning, tableReference } of catalog.allTables()) {
    const { projectId, datasetId, tableId } = tableReference
    const column = timePartitioning?.field
    if (requirePartitionFilter !== true || column === undefined) continue
    const check = (node: Scoped): void => {
      if (!readsItself(sql, node, catalog, `${datasetId}.${tableId}`, defaultDataset)) return
      const filters = node.type === 'merge_stmt' ? [node] : node.clauses.filter(({ type }) => type === 'where_clause')
      if (filters.some((filter) => comparesWithConstant(filter as Node, column))) return
      throw invalidQuery(
        `Cannot query over table '${projectId}.${datasetId}.${tableId}' without a filter over column(s) '${column}' that can be used for partition elimination`,
      )
    }
    const visit = cstVisitor({ select_stmt: check, update_stmt: check, delete_stmt: check, merge_stmt: check })
    for (const statement of program.statements as Statement[]) visit(statement)
  }
}

/** Whether the table stands in the node's own FROM (or is what it changes), not in one of a query within. */
export function readsItself(
  sql: string,
  node: Scoped,
  catalog: Catalog,
  table: string,
  defaultDataset?: string,
): boolean {
  if (node.type === 'merge_stmt') return changedBy(sql, node, catalog, defaultDataset) === table
  let reads = false
  for (const clause of node.clauses) {
    if (!/^(?:from|update|delete)_clause$/.test(clause.type)) continue
    const inner: string[] = []
    cstVisitor({ select_stmt: (select) => inner.push(textOf(sql, select)) })(clause as Node)
    const own = inner.reduce((text, select) => text.replace(select, ''), textOf(sql, clause))
    const [datasetId = '', tableId = ''] = table.split('.')
    const names = [`${datasetId}\`?\\.\`?${tableId}`, ...(defaultDataset === datasetId ? [tableId] : [])]
    reads ||= names.some((name) => new RegExp(`(?<![\\w])${name}(?![\\w])`).test(own))
  }
  return reads
}

function comparesWithConstant(filter: Node, column: string): boolean {
  let found = false
  const isColumn = (node: Node): boolean =>
    node.type === 'identifier' ? node.name === column : node.type === 'member_expr' && isColumn(node.property as Node)
  const isConstant = ({ type }: Node): boolean => ['timestamp_literal', 'parameter'].includes(type)
  cstVisitor({
    between_expr: (node) => {
      found ||= isColumn(node.left) && isConstant(node.begin)
    },
    binary_expr: (node) => {
      found ||= isColumn(node.left) && isConstant(node.right)
    },
  })(filter)
  return found
}
