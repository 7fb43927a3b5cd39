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
export function refusalOf(error: unknown, project: string): Refusal {
  if (error instanceof Refusal) return error
  const text = error instanceof Error ? error.message : String(error)
  const column = /Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"/.exec(text)
  if (column !== null) return invalidQuery(`Unrecognized name: ${column[1] ?? column[2]} at [1:8]`)
  const table = /Table with name (\S+) does not exist/.exec(text)
  if (table !== null) return notFound(`Table ${project}:${table[1]} was not found`)
  if (/TransactionContext Error: Conflict|Conflict on (?:tuple|update|delete)/i.test(text)) return conflict('a table')
  return invalidQuery(text)
}

export const conflict = (table: string): Refusal =>
  invalidQuery(
    `Query error: Transaction is aborted due to concurrent update against table ${table}. Transaction ID: 00000000-0000-0000-0000-000000000000 at [1:1]`,
  )
