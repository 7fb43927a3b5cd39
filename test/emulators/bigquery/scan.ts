/**
 * What a statement would read: the rows of each table that stands in a FROM, of partitions and clusters that its filter leaves,
 * each row at the same made-up number of bytes. https://cloud.google.com/bigquery/docs/querying-partitioned-tables
 */

import { cstVisitor, type Node } from 'sql-parser-cst'
import type { Catalog, TableResource } from './catalog.js'
import { UNPARTITIONED } from './partitions.js'
import { readsItself, type Scoped } from './refuse.js'
import { PARTITIONS, parsed, quoted, type Scope, textOf, translated } from './translate.js'

export const BYTES_A_ROW = 100

/** SELECTs, in DuckDB's SQL, a row `n` for each time a table is read: how many of its rows. */
export function scans(sql: string, root: Node, scope: Scope, catalog: Catalog, defaultDataset?: string): string[] {
  const found: string[] = []
  for (const resource of catalog.allTables()) {
    const { datasetId, tableId } = resource.tableReference
    const name = `${quoted(datasetId)}.${quoted(tableId)}`
    const count = (node: Scoped): void => {
      if (!readsItself(sql, node, catalog, `${datasetId}.${tableId}`, defaultDataset)) return
      if (resource.view !== undefined) {
        const { query } = resource.view
        found.push(...scans(query, parsed(query) as Node, scope, catalog))
        return
      }
      found.push(`SELECT count(*) AS n FROM ${name} WHERE ${leftBy(sql, node, resource, scope)}`)
    }
    cstVisitor({ select_stmt: count, update_stmt: count, delete_stmt: count, merge_stmt: count })(root)
  }
  if (PARTITIONS.test(textOf(sql, root))) found.push('SELECT count(*) AS n FROM bq_partitions')
  return found
}

/** The conditions of a filter that spare partitions, or clusters of the first clustering column. */
function leftBy(sql: string, node: Scoped, { timePartitioning, clustering }: TableResource, scope: Scope): string {
  const [filter] = node.clauses.flatMap((clause) =>
    clause.type === 'merge_clause' ? [clause.condition] : clause.type === 'where_clause' ? [clause.expr] : [],
  )
  const conditions = (filter === undefined ? [] : conjuncts(filter)).flatMap((each) => {
    const day = timePartitioning?.field
    const spared = day === undefined ? null : condition(each, day, (constant) => translated(sql, constant, scope))
    if (spared !== null) return [`(${spared} OR ${UNPARTITIONED(quoted(day ?? ''))})`]
    const [first] = clustering?.fields ?? []
    if (first === undefined || each.type !== 'binary_expr' || each.operator !== '=') return []
    const equal = condition(each, first, (constant) => translated(sql, constant, scope))
    return equal === null ? [] : [equal]
  })
  return ['TRUE', ...conditions].join(' AND ')
}

const bare = (node: Node): Node => (node.type === 'paren_expr' ? bare(node.expr as Node) : node)

const isWord = (operator: unknown, word: string): boolean =>
  (Array.isArray(operator) ? operator : [operator]).some(
    (each) => String((each as { name?: string }).name ?? each).toUpperCase() === word,
  )

function conjuncts(node: Node): Node[] {
  const plain = bare(node)
  return plain.type === 'binary_expr' && isWord(plain.operator, 'AND')
    ? [...conjuncts(plain.left), ...conjuncts(plain.right)]
    : [plain]
}

/** A condition on one column and constants alone, in DuckDB's SQL; null for any other. */
function condition(node: Node, column: string, constant: (node: Node) => string): string | null {
  const plain = bare(node)
  if (plain.type === 'between_expr') {
    if (!isColumn(plain.left, column) || !isConstant(plain.begin) || !isConstant(plain.end)) return null
    return `${quoted(column)} BETWEEN ${constant(plain.begin)} AND ${constant(plain.end)}`
  }
  if (plain.type !== 'binary_expr') return null
  if (isWord(plain.operator, 'OR')) {
    const [one, other] = [condition(plain.left, column, constant), condition(plain.right, column, constant)]
    return one === null || other === null ? null : `(${one} OR ${other})`
  }
  if (!isColumn(plain.left, column) || !isConstant(plain.right) || typeof plain.operator !== 'string') return null
  return `${quoted(column)} ${plain.operator} ${constant(plain.right)}`
}

const isColumn = (node: Node, column: string): boolean =>
  node.type === 'identifier'
    ? node.name === column
    : node.type === 'member_expr' && isColumn(node.property as Node, column)

const isConstant = ({ type }: Node): boolean => ['timestamp_literal', 'string_literal', 'parameter'].includes(type)
