/** A script of several statements, walked as BigQuery walks it: what one of them makes, the next ones know. */

import type { Analyzer } from './analyzer.js'
import { type Catalog, declared, fixed, type Options, type Type, type } from './catalog.js'

/** A text, a quoted name, a comment, or a character. */
const TOKEN = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|[\s\S]/g

export function statementsOf(script: string): string[] {
  const statements = ['']
  for (const [token] of script.matchAll(TOKEN)) {
    if (token === ';') statements.push('')
    else if (!token.startsWith('--')) statements.push(statements.pop() + token)
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '')
}

/**
 * How many statements the analyzer took.
 *
 * @throws with its message and the statement's beginning at the first that is wrong
 */
export async function analyzeScript(
  analyzer: Analyzer,
  script: string,
  start: Catalog,
  options: Options,
): Promise<number> {
  let catalog = start
  let taken = 0
  const analyze = async (sql: string): Promise<unknown> => {
    try {
      const resolved = await analyzer.analyze(sql, catalog, options)
      taken++
      return resolved
    } catch (error) {
      throw new Error(`${(error as Error).message}\nin: ${sql.slice(0, 300)}`)
    }
  }
  for (let statement of statementsOf(script)) {
    const condition = /^IF\b([\s\S]*?)\bTHEN\b/.exec(statement)
    if (condition !== null) {
      await analyze(`SELECT 1 FROM (SELECT 1) WHERE ${condition[1]}`)
      statement = statement.slice(condition[0].length).trim()
    }
    const [, names = '', typeName = '', initial = ''] = /^DECLARE ([\w, ]+?) (\w+) DEFAULT (.+)$/s.exec(statement) ?? []
    const [, variables, value = ''] = /^SET (\w+|\([\w, ]+\)) = (.+)$/s.exec(statement) ?? []
    if (statement === 'END IF') continue
    if (names !== '') {
      await analyze(`SELECT CAST(${initial} AS ${typeName})`)
      const constants = names.split(',').map((name) => declared(name.trim(), type(typeName)))
      catalog = { ...catalog, constant: [...catalog.constant, ...constants] }
    } else if (variables !== undefined) {
      requireIntegers(variables.split(',').length, await analyze(`SELECT ${value}`))
    } else {
      catalog = after(await analyze(statement), catalog)
    }
  }
  return taken
}

const INT64 = 2

interface Output {
  readonly name: string
  readonly column: { readonly type: { readonly typeKind: unknown } & Omit<Type, 'typeKind'> }
}

/** All our variables count. */
function requireIntegers(count: number, resolved: unknown): void {
  const [output] = within<Output[]>(resolved, 'outputColumnList') ?? []
  const fields = output?.column.type.structType?.field.map(({ fieldType }) => fieldType) ?? [output?.column.type]
  const kinds = fields.map((field) => field?.typeKind)
  if (kinds.length !== count || kinds.some((kind) => kind !== INT64))
    throw new Error(`${count} variables take values of the types ${kinds}`)
}

/** What the statements that follow know. */
function after(resolved: unknown, catalog: Catalog): Catalog {
  const name = within<string[]>(resolved, 'namePath')?.at(-1) ?? ''
  const table = within(resolved, 'resolvedCreateTableAsSelectStmtNode')
  if (table !== undefined) {
    const column = (within<Output[]>(table, 'outputColumnList') ?? []).map((output) => ({
      name: output.name,
      type: output.column.type as Type,
    }))
    return { ...catalog, table: [...catalog.table, { name, column }] }
  }
  const made = within<{ returnType: Type; signature: { argument: { type: Type }[] } }>(
    resolved,
    'resolvedCreateFunctionStmtNode',
  )
  if (made === undefined) return catalog
  const takes = made.signature.argument.map((argument) => fixed(argument.type))
  const scalar = { name, mode: 'SCALAR', takes, gives: fixed(made.returnType) }
  return { ...catalog, functions: [...catalog.functions, scalar] }
}

/** The first value under a key, however deep. */
function within<T>(node: unknown, key: string): T | undefined {
  if (typeof node !== 'object' || node === null) return undefined
  if (Object.hasOwn(node, key)) return (node as Record<string, T>)[key]
  for (const child of Object.values(node)) {
    const found = within<T>(child, key)
    if (found !== undefined) return found
  }
  return undefined
}
