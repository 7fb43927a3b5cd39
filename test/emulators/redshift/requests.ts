/** What the Data API refuses before a statement is run. https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html */

import { Refusal } from './refusals.js'

export interface Batch {
  readonly sqls: readonly string[]
  readonly parameters: ReadonlyMap<string, string>
  readonly token: string | null
  /** Of ExecuteStatement. */
  readonly single: boolean
  readonly name: string | null
}

interface Known {
  readonly workgroups: readonly string[]
  readonly clusters: readonly string[]
  readonly database: string
}

const MOST_STATEMENTS = 40
const MOST_BYTES = 100 * 1024
const invalid = (message: string): Refusal => new Refusal('ValidationException', message)

export function validBatch(input: Readonly<Record<string, unknown>>, known: Known): Batch {
  const {
    Sqls,
    Parameters,
    ClientToken,
    StatementName,
    WorkgroupName,
    ClusterIdentifier,
    Database,
    DbUser,
    SecretArn,
  } = input
  if ((WorkgroupName === undefined) === (ClusterIdentifier === undefined)) {
    throw invalid('Either WorkgroupName or ClusterIdentifier must be given, and not both.')
  }
  if (WorkgroupName !== undefined && !known.workgroups.includes(String(WorkgroupName))) {
    throw invalid("Redshift endpoint doesn't exist in this region.")
  }
  if (WorkgroupName !== undefined && DbUser !== undefined) throw invalid('DbUser is for clusters.')
  if (DbUser !== undefined && SecretArn !== undefined) throw invalid('DbUser and SecretArn exclude each other.')
  if (ClusterIdentifier !== undefined && !known.clusters.includes(String(ClusterIdentifier))) {
    throw invalid("Redshift endpoint doesn't exist in this region.")
  }
  if (Database !== known.database)
    throw new Refusal('DatabaseConnectionException', `FATAL: database "${Database}" does not exist`)
  const sqls = Array.isArray(Sqls) ? Sqls.map(String) : []
  if (sqls.length === 0 || sqls.length > MOST_STATEMENTS)
    throw invalid(`SQL statements: 1 to ${MOST_STATEMENTS} are taken.`)
  for (const sql of sqls) {
    if (sql.trim() === '') throw invalid('Empty SQL statement.')
    if (Buffer.byteLength(sql) > MOST_BYTES) throw invalid('SQL statement is longer than 100 KB.')
  }
  const parameters = new Map<string, string>()
  for (const { name, value } of (Array.isArray(Parameters) ? Parameters : []) as { name: string; value?: string }[]) {
    if (value === undefined || value === '')
      throw invalid(`Parameter ${name}: value must have length greater than or equal to 1.`)
    if (!sqls.some((sql) => new RegExp(`(?<!:):${name}\\b`).test(sql))) throw invalid(`Parameter ${name} is not used.`)
    parameters.set(name, value)
  }
  const token = ClientToken === undefined ? null : String(ClientToken)
  if (token !== null && (token === '' || token.length > 64)) throw invalid('ClientToken has 1 to 64 characters.')
  return {
    sqls,
    parameters,
    token,
    single: input.single === true,
    name: StatementName === undefined ? null : String(StatementName),
  }
}
