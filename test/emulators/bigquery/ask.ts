/** Statements for DuckDB with the parameters of a script. */

import type { DuckDBConnection, DuckDBResultReader, DuckDBValue } from '@duckdb/node-api'

export interface Parameter {
  readonly name: string
  readonly parameterType: { readonly type: string }
  readonly parameterValue: { readonly value?: string | null }
}

export async function ask(
  connection: DuckDBConnection,
  text: string,
  parameters: readonly Parameter[],
): Promise<{ result: DuckDBResultReader; rows: DuckDBValue[][] }> {
  const bound = Object.fromEntries(
    parameters
      .filter(({ name }) => new RegExp(`\\$${name}\\b`).test(text))
      .map(({ name, ...of }) => [name, boundValue(of)]),
  )
  const answer = await connection.runAndReadAll(typedParameters(text, parameters), bound)
  return { result: answer, rows: answer.getRows() }
}

const boundValue = ({ parameterType, parameterValue }: Omit<Parameter, 'name'>): DuckDBValue => {
  const value = parameterValue.value ?? null
  return value !== null && parameterType.type === 'INT64' ? BigInt(value) : value
}

/** DuckDB takes a parameter's type from where it stands; BigQuery's have their own. */
const typedParameters = (text: string, parameters: readonly Parameter[]): string =>
  parameters.reduce(
    (sql, { name, parameterType: { type } }) =>
      type === 'TIMESTAMP' ? sql.replace(new RegExp(`\\$${name}\\b`, 'g'), `CAST($${name} AS TIMESTAMPTZ)`) : sql,
    text,
  )
