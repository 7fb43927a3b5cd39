/** Runs a script statement by statement on a connection of its own, transactions and their conflicts included. */

import type { DuckDBConnection, DuckDBInstance, DuckDBResultReader, DuckDBValue } from '@duckdb/node-api'
import { cstVisitor, type Node, type Program, type Statement } from 'sql-parser-cst'
import { conflict, invalidQuery, notLearnt, placeOf, Refusal } from './answers.js'
import { ask, type Parameter } from './ask.js'
import type { Catalog } from './catalog.js'
import { makePartitions } from './partitions.js'
import { changedBy, refuseUnfiltered } from './refuse.js'
import { BYTES_A_ROW, scans } from './scan.js'
import { parsed, quoted, type Scope, textOf, translated } from './translate.js'

export interface Script {
  readonly sql: string
  readonly program: Program
  readonly parameters: readonly Parameter[]
  readonly defaultDataset: string | undefined
}

/** Who changes rows of which table: whole tables exclude each other there, and rows that are inserted none. */
export interface Turns {
  readonly active: Map<string, object>
  readonly changedAt: Map<string, number>
  clock: number
}

export const newTurns = (): Turns => ({ active: new Map(), changedAt: new Map(), clock: 0 })

/** SELECT, INSERT, … or SCRIPT, as a job's statistics have it. */
export function statementType({ statements }: Program): string {
  const [only, ...more] = statements.filter(({ type }) => type !== 'empty')
  if (more.length > 0 || only === undefined) return 'SCRIPT'
  return /^(?:compound_)?(select|insert|update|delete|merge)_stmt$/.exec(only.type)?.[1]?.toUpperCase() ?? 'SCRIPT'
}

export const scriptOf = (sql: string, parameters: readonly Parameter[], defaultDataset?: string): Script => ({
  sql,
  program: parsed(sql),
  parameters,
  defaultDataset,
})

/** Tells what is wrong with a statement, and its bytes, without running it. */
export async function dryRun(instance: DuckDBInstance, catalog: Catalog, script: Script): Promise<number> {
  const connection = await instance.connect()
  try {
    refuseUnfiltered(catalog, script)
    refuseUnknownParameters(script)
    await useDataset(connection, script)
    await makePartitions(connection, catalog, script.sql)
    const scope = { project: catalog.project, variables: new Map(), system: new Map() }
    if (statementType(script.program) === 'SELECT') {
      const [statement] = script.program.statements
      const prepared = await connection.prepare(translated(script.sql, statement as Node, scope))
      prepared.destroySync()
    }
    let rows = 0
    for (const scan of scans(script.sql, script.program as Node, scope, catalog, script.defaultDataset)) {
      rows += Number((await ask(connection, scan, script.parameters)).rows[0]?.[0])
    }
    return rows * BYTES_A_ROW
  } finally {
    connection.closeSync()
  }
}

function refuseUnknownParameters({ sql, program, parameters }: Script): void {
  cstVisitor({
    parameter: (node) => {
      const name = node.text.slice(1)
      if (parameters.some((each) => each.name.toLowerCase() === name.toLowerCase())) return
      throw invalidQuery(`Query parameter '${name}' not found at ${placeOf(sql, node.range?.[0] ?? 0)}`)
    },
  })(program as Node)
}

/** The result of the last statement; null when that gives none. */
export async function runScript(
  instance: DuckDBInstance,
  catalog: Catalog,
  turns: Turns,
  script: Script,
  maximumBytes: number,
  {
    onBegin,
    onChange,
    losesChanges,
  }: { onBegin(): Promise<void>; onChange(): Promise<void>; readonly losesChanges: boolean },
): Promise<{ result: DuckDBResultReader | null; bytes: number; exported: number | null }> {
  const connection = await instance.connect()
  const variables = new Map<string, string>()
  const system = new Map<string, string>([['row_count', '0']])
  const functions = new Set<string>()
  const scope: Scope = { project: catalog.project, variables, system, functions }
  const { sql } = script
  let transaction: { readonly since: number; readonly changes: Set<string> } | null = null
  let result: DuckDBResultReader | null = null
  let bytes = 0
  let exported: number | null = null

  const evaluate = async (node: Node): Promise<readonly DuckDBValue[]> => {
    await scan(node)
    const select = node.type === 'paren_expr' ? (node.expr as Node) : node
    const text = translated(sql, select, scope)
    const { rows } = await run(select.type === 'select_stmt' ? text : `SELECT ${text}`)
    return rows[0] ?? []
  }

  const run = (text: string) => ask(connection, text, script.parameters)

  /** What is read is paid for before. */
  const scan = async (node: Node): Promise<void> => {
    for (const each of scans(sql, node, scope, catalog, script.defaultDataset)) {
      bytes += Number((await run(each)).rows[0]?.[0]) * BYTES_A_ROW
    }
    for (const name of ['bytes_processed', 'bytes_billed']) system.set(`script.${name}`, String(bytes))
    if (bytes <= maximumBytes) return
    throw new Refusal(
      400,
      'bytesBilledLimitExceeded',
      `Query exceeded limit for bytes billed: ${maximumBytes}. ${bytes} or higher required.`,
    )
  }

  /** False: the statement is not to be run. */
  function claim(statement: Statement): boolean {
    if (transaction === null) return true
    const table = changedBy(sql, statement, catalog, script.defaultDataset)
    if (table === undefined) return true
    const other = turns.active.get(table)
    if ((other !== undefined && other !== transaction) || (turns.changedAt.get(table) ?? 0) > transaction.since) {
      if (losesChanges) return false
      throw conflict(`${catalog.project}:${table}`)
    }
    turns.active.set(table, transaction)
    transaction.changes.add(table)
    return true
  }

  function release(committed: boolean): void {
    for (const table of transaction?.changes ?? []) {
      turns.active.delete(table)
      if (committed) turns.changedAt.set(table, ++turns.clock)
    }
    transaction = null
  }

  async function runAll(statements: readonly Statement[]): Promise<void> {
    for (const statement of statements) await runOne(statement)
  }

  async function runOne(statement: Statement): Promise<void> {
    if (statement.type !== 'empty') result = null
    switch (statement.type) {
      case 'empty':
        return
      case 'declare_stmt': {
        const [value = null] = statement.init === undefined ? [] : await evaluate(statement.init.expr)
        for (const { name } of statement.names.items) variables.set(name.toLowerCase(), written(value))
        return
      }
      case 'set_stmt':
        for (const assignment of statement.assignments.items) {
          if (assignment.type !== 'binary_expr') throw notLearnt('such a SET')
          const values = await evaluate(assignment.right as Node)
          const names = textOf(sql, assignment.left as Node)
            .replace(/[()\s]/g, '')
            .split(',')
          if (values.length !== names.length)
            throw invalidQuery('Cannot assign: the numbers of variables and values differ')
          for (const [i, name] of names.entries()) {
            if (!variables.has(name)) throw invalidQuery(`Undeclared variable: ${name}`)
            variables.set(name, written(values[i] ?? null))
          }
        }
        return
      case 'if_stmt':
        for (const clause of statement.clauses) {
          if (clause.type !== 'if_clause') throw notLearnt('ELSE')
          const [holds] = await evaluate(clause.condition)
          if (holds === true) await runAll(clause.consequent.statements)
        }
        return
      case 'assert_stmt': {
        const [holds] = await evaluate(statement.condition)
        const message =
          statement.message === undefined ? '' : `: ${(statement.message.expr as { value: string }).value}`
        if (holds !== true) throw invalidQuery(`Query error: Assertion failed${message} at [1:1]`)
        return
      }
      case 'start_transaction_stmt':
        if (transaction !== null) throw invalidQuery('Transactions cannot be nested')
        transaction = { since: turns.clock, changes: new Set() }
        await connection.run('BEGIN TRANSACTION')
        await onBegin()
        return
      case 'commit_transaction_stmt':
        await connection.run('COMMIT')
        release(true)
        return
      case 'create_function_stmt': {
        const body = statement.clauses.find(({ type }) => type === 'as_clause')
        if (statement.temporaryKw === undefined || body?.type !== 'as_clause') throw notLearnt('such a function')
        const name = textOf(sql, statement.name).toUpperCase()
        const parameters = (statement.params?.expr.items ?? []).map((each) =>
          each.type === 'function_param' && each.name !== undefined ? textOf(sql, each.name) : '',
        )
        await connection.run(
          `CREATE TEMP MACRO ${quoted(name)}(${parameters.join(', ')}) AS ${translated(sql, body.expr as Node, scope)}`,
        )
        functions.add(name)
        return
      }
      case 'create_table_stmt': {
        const select = statement.clauses.find(({ type }) => type === 'as_clause')
        if (!/^CREATE\s+TEMP\s/i.test(textOf(sql, statement)) || select?.type !== 'as_clause') {
          throw notLearnt('CREATE TABLE')
        }
        await scan(select.expr as Node)
        await run(
          `CREATE TEMP TABLE ${textOf(sql, statement.name as Node)} AS ${translated(sql, select.expr as Node, scope)}`,
        )
        return
      }
      case 'select_stmt':
      case 'compound_select_stmt':
        await scan(statement)
        result = (await run(translated(sql, statement, scope))).result
        return
      case 'export_data_stmt': {
        const options = textOf(sql, statement.options)
        if (!/uri\s*=\s*'gs:\/\/[^'*]+\*[^'*]*'/.test(options)) throw invalidQuery('A uri needs exactly one wildcard')
        await scan(statement)
        exported = (await run(translated(sql, statement.as.expr as Node, scope))).rows.length
        return
      }
      case 'insert_stmt':
      case 'update_stmt':
      case 'delete_stmt':
      case 'merge_stmt': {
        if (!claim(statement)) return
        await scan(statement)
        const changed = (await run(translated(sql, statement, scope))).rows[0]?.[0]
        system.set('row_count', String(changed))
        await dropExpired(connection, catalog)
        if (transaction !== null && statement.type !== 'insert_stmt') await onChange()
        return
      }
      default:
        throw notLearnt(statement.type)
    }
  }

  try {
    refuseUnfiltered(catalog, script)
    await useDataset(connection, script)
    await makePartitions(connection, catalog, sql)
    await runAll(script.program.statements)
    return { result, bytes, exported }
  } finally {
    // A script that ends within a transaction has it rolled back.
    if (transaction !== null) await connection.run('ROLLBACK').catch(() => {})
    release(false)
    connection.closeSync()
  }
}

async function useDataset(connection: DuckDBConnection, { defaultDataset }: Script): Promise<void> {
  await connection.run("SET TimeZone = 'UTC'")
  if (defaultDataset !== undefined) await connection.run(`SET schema = '${defaultDataset}'`)
}

/** Rows older than their table's partitions live are counted as inserted, and never there. */
async function dropExpired(connection: DuckDBConnection, catalog: Catalog): Promise<void> {
  for (const { timePartitioning, tableReference } of catalog.allTables()) {
    const { field, expirationMs } = timePartitioning ?? {}
    if (field === undefined || expirationMs == null) continue
    await connection.run(
      `DELETE FROM ${quoted(tableReference.datasetId)}.${quoted(tableReference.tableId)}
       WHERE date_trunc('day', ${quoted(field)}) + to_milliseconds(${expirationMs}) < now()`,
    )
  }
}

const written = (value: DuckDBValue): string =>
  typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)
