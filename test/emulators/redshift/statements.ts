/** The statements the stand-in was given, one batch at a time, and what became of each. */

import { randomUUID } from 'node:crypto'
import type { Engine, PartResult } from './engine.js'
import type { StatementFault } from './faults.js'
import { RedshiftError, Refusal } from './refusals.js'
import type { Batch } from './requests.js'

type Status = 'SUBMITTED' | 'PICKED' | 'STARTED' | 'FINISHED' | 'FAILED' | 'ABORTED'

interface Part {
  readonly sql: string
  status: Status
  error?: string
  result?: PartResult
}

export interface Statement {
  readonly id: string
  readonly batch: Batch
  readonly createdAt: number
  readonly parts: readonly Part[]
  status: Status
  error?: string
  cancelled: boolean
  vanished: boolean
}

const WRITES = /^\s*(?:INSERT|UPDATE|DELETE|MERGE|COPY)\b/i
const CONFLICT =
  '1023\n  DETAIL:  Serializable isolation violation on table - 107568, transactions forming the cycle are: 1, 2'

export function statementQueue(engine: Engine, onStatement: (sql: string) => void | Promise<void>) {
  const statements: Statement[] = []
  const running = new Map<Statement, Promise<void>>()
  let tail: Promise<void> = Promise.resolve()

  function submit(batch: Batch, fault: StatementFault | null) {
    const known = batch.token === null ? undefined : statements.find((each) => each.batch.token === batch.token)
    if (known !== undefined) {
      if (JSON.stringify(known.batch) !== JSON.stringify(batch)) {
        throw new Refusal('ValidationException', 'ClientToken was used with another request.')
      }
      return answer(known)
    }
    const statement: Statement = {
      id: randomUUID(),
      batch,
      createdAt: Date.now() / 1000,
      parts: batch.sqls.map((sql) => ({ sql, status: 'SUBMITTED' })),
      status: 'SUBMITTED',
      cancelled: false,
      vanished: false,
    }
    // Others are at work: whoever writes must have asked for a lock first, or what it saw is out of date when it commits.
    const conflicts =
      running.size > 0 && batch.sqls.some((sql) => WRITES.test(sql)) && !/^\s*LOCK\b/i.test(batch.sqls[0] ?? '')
    statements.push(statement)
    tail = tail.then(() =>
      run(statement, conflicts ? { kind: 'ends', sql: /./, status: 'FAILED', error: CONFLICT } : fault),
    )
    running.set(statement, tail)
    void tail.then(() => running.delete(statement))
    return answer(statement)
  }

  async function run(statement: Statement, fault: StatementFault | null): Promise<void> {
    if (statement.cancelled) return end(statement, 'ABORTED')
    statement.status = 'STARTED'
    const { commit, rollback } = await engine.begin()
    try {
      for (const part of statement.parts) {
        part.status = 'STARTED'
        await onStatement(part.sql)
        if (statement.cancelled) throw new RedshiftError("Query cancelled on user's request")
        part.result = await engine.run(part.sql, statement.batch.parameters)
        part.status = 'FINISHED'
      }
      if (fault?.kind === 'ends') throw new RedshiftError(fault.error ?? 'on request')
      if (fault?.kind === 'vanishes' && !fault.committed) await rollback()
      else await commit()
      statement.vanished = fault?.kind === 'vanishes'
      return end(statement, 'FINISHED')
    } catch (error) {
      await rollback()
      const part = statement.parts.find(({ status }) => status === 'STARTED') ?? statement.parts.at(-1)
      const status =
        statement.cancelled || (fault?.kind === 'ends' && fault.status === 'ABORTED') ? 'ABORTED' : 'FAILED'
      const text = `ERROR: ${error instanceof Error ? error.message : String(error)}`
      if (part !== undefined) Object.assign(part, { status, error: text, result: undefined })
      for (const each of statement.parts) if (each.status === 'SUBMITTED') each.status = 'ABORTED'
      return end(statement, status, text)
    }
  }

  function find(id: string): readonly [Statement, number | null] {
    const [whole, part] = id.split(':')
    const statement = statements.find((each) => each.id === whole && !each.vanished)
    if (statement === undefined || (part !== undefined && statement.parts[Number(part) - 1] === undefined)) {
      throw new Refusal('ResourceNotFoundException', 'Query does not exist.')
    }
    return [statement, part === undefined ? null : Number(part) - 1]
  }

  return {
    statements: statements as readonly Statement[],
    submit,
    find,
    cancel(id: string) {
      const [statement] = find(id)
      if (!running.has(statement)) {
        throw new Refusal(
          'ValidationException',
          `Could not cancel a query that is already in ${statement.status} state.`,
        )
      }
      statement.cancelled = true
      return { Status: true }
    },
    /** Waits for a statement's end, or for so long. */
    async ended(statement: Statement, seconds: number): Promise<void> {
      let timer: NodeJS.Timeout | undefined
      await Promise.race([
        running.get(statement),
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, seconds * 1000)
        }),
      ])
      clearTimeout(timer)
    },
    idle: (): Promise<void> => tail,
  }
}

function end(statement: Statement, status: Status, error?: string): void {
  statement.status = status
  if (error !== undefined) statement.error = error
}

const answer = ({ id, createdAt, batch }: Statement) => ({ Id: id, CreatedAt: createdAt, StatementName: batch.name })

const hasResult = (part: Part): boolean => part.result !== undefined && part.result.columns.length > 0

/** @param part which statement of a batch; null: all of it */
export function describe(statement: Statement, part: number | null) {
  const { id, parts, status, error, createdAt, batch } = statement
  const subStatements = parts.map((each, i) => ({
    Id: `${id}:${i + 1}`,
    Status: each.status,
    QueryString: each.sql,
    HasResultSet: hasResult(each),
    ResultRows: each.result?.count ?? -1,
    ...(each.error === undefined ? {} : { Error: each.error }),
  }))
  if (part !== null) return { CreatedAt: createdAt, ...subStatements[part] }
  return {
    Id: id,
    Status: status,
    CreatedAt: createdAt,
    UpdatedAt: createdAt,
    HasResultSet: parts.some(hasResult),
    ...(error === undefined ? {} : { Error: error }),
    ...(batch.single
      ? { QueryString: parts[0]?.sql, ResultRows: parts[0]?.result?.count ?? -1 }
      : { SubStatements: subStatements }),
  }
}

export const listed = ({ id, status, createdAt, parts, batch }: Statement) => ({
  Id: id,
  Status: status,
  CreatedAt: createdAt,
  IsBatchStatement: !batch.single,
  QueryStrings: parts.map(({ sql }) => sql),
  ...(batch.name === null ? {} : { StatementName: batch.name }),
})
