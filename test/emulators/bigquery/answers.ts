/** What the stand-in refuses with: status, reason code and message as BigQuery words them. */

export class Refusal extends Error {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

export const invalid = (message: string): Refusal => new Refusal(400, 'invalid', message)
export const invalidQuery = (message: string): Refusal => new Refusal(400, 'invalidQuery', message)
export const notFound = (what: string): Refusal => new Refusal(404, 'notFound', `Not found: ${what}`)
export const duplicate = (what: string): Refusal => new Refusal(409, 'duplicate', `Already Exists: ${what}`)

/** What this stand-in has not learnt: never to be taken for an answer of BigQuery's. */
export const notLearnt = (what: string): Refusal => new Refusal(501, 'notImplemented', `the stand-in cannot do ${what}`)

/** https://cloud.google.com/bigquery/docs/error-messages */
export const errorBody = ({ status, reason, message }: Refusal) => ({
  error: { code: status, message, errors: [{ domain: 'global', reason, message }] },
})

/** DuckDB's words as BigQuery's, where the sink looks at them. */
export function refusalOf(error: unknown, project: string, sql = ''): Refusal {
  if (error instanceof Refusal) return error
  const text = error instanceof Error ? error.message : String(error)
  const column = /Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"/.exec(text)
  if (column !== null) return unrecognized(column[1] ?? column[2] ?? '', text, sql)
  const table = /Table with name (\S+) does not exist/.exec(text)
  if (table !== null) return notFound(`Table ${project}:${table[1]} was not found`)
  if (/TransactionContext Error: Conflict|Conflict on (?:tuple|update|delete)/i.test(text)) return conflict('a table')
  return invalidQuery(text)
}

function unrecognized(name: string, text: string, sql: string): Refusal {
  const [proposed] = /(?<=Candidate bindings: )"[^"]+"/.exec(text) ?? []
  const meant = proposed === undefined ? '' : `; Did you mean ${proposed.replaceAll('"', '')}?`
  return invalidQuery(`Unrecognized name: ${name}${meant} at ${placeOf(sql, sql.indexOf(name))}`)
}

/** Line and column from 1, as BigQuery counts them: in characters, a tab to the next multiple of eight. */
export function placeOf(sql: string, index: number): string {
  const lines = sql.slice(0, Math.max(0, index)).split('\n')
  let column = 1
  for (const character of lines.at(-1) ?? '') column = character === '\t' ? Math.ceil(column / 8) * 8 + 1 : column + 1
  return `[${lines.length}:${column}]`
}

export const conflict = (table: string): Refusal =>
  invalidQuery(
    `Query error: Transaction is aborted due to concurrent update against table ${table}. Transaction ID: 00000000-0000-0000-0000-000000000000 at [1:1]`,
  )
