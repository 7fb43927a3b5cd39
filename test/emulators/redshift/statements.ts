/** The statements the stand-in was given, one batch at a time, and what became of each. */

import { randomUUID } from 'node:crypto'
import type { Engine, PartResult, RowChanges } from './engine.js'
import type { StatementFault } from './faults.js'
import { interleaver, tablesOf, violation } from './interleaving.js'
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
export function statementQueue(engine: Engine, onStatement: (sql: string) => void | Promise<void>) {
  const statements: Statement[] = []
  const running = new Map<Statement, Promise<void>>()
  /** Tables that open transactions have read, which nobody can lock until they end. */
  const readers = new Set<ReadonlySet<string>>()
  let readerEnded = (): void => {}
  const isRead = (table: string): boolean => [...readers].some((tables) => tables.has(table))
  const interleaved = interleaver(engine, isRead)
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
    statements.push(statement)
    if (interleaved.on) {
      running.set(statement, interleave(statement))
    } else {
      // Others are at work: whoever writes must have asked for a lock first, or what it saw is out of date when it commits.
      const conflicts =
        running.size > 0 && batch.sqls.some((sql) => WRITES.test(sql)) && !/^\s*LOCK\b/i.test(batch.sqls[0] ?? '')
      const error = violation().message
      tail = tail.then(() => run(statement, conflicts ? { kind: 'ends', sql: /./, status: 'FAILED', error } : fault))
      running.set(statement, tail)
    }
    void running.get(statement)?.then(() => running.delete(statement))
    return answer(statement)
  }

  async function runParts({ parts, batch }: Statement, isCancelled: () => boolean): Promise<void> {
    for (const part of parts) {
      part.status = 'STARTED'
      await onStatement(part.sql)
      if (!interleaved.on) await lockable(part.sql, isCancelled)
      if (isCancelled()) throw new RedshiftError("Query cancelled on user's request")
      part.result = await engine.run(part.sql, batch.parameters)
      part.status = 'FINISHED'
    }
  }

  /** LOCK waits for whoever has read the table in a transaction that is still open. */
  async function lockable(sql: string, isCancelled: () => boolean): Promise<void> {
    const { locked } = tablesOf([sql])
    while ([...locked].some(isRead) && !isCancelled()) {
      await new Promise<void>((resolve) => {
        readerEnded = resolve
      })
    }
  }

  function interleave(statement: Statement): Promise<void> {
    return new Promise((resolve) => {
      const work = async (): Promise<RowChanges> => {
        statement.status = 'STARTED'
        const { written } = tablesOf(statement.batch.sqls)
        const { rollback } = await engine.begin()
        try {
          const changes = await engine.watch(written)
          await runParts(statement, () => false)
          return await changes()
        } finally {
          await rollback()
        }
      }
      const ended = async (error?: RedshiftError): Promise<void> => {
        end(statement, error === undefined ? 'FINISHED' : 'FAILED', error && `ERROR: ${error.message}`)
        resolve()
      }
      interleaved.add({ sqls: statement.batch.sqls, work, end: ended })
    })
  }

  async function run(statement: Statement, fault: StatementFault | null): Promise<void> {
    if (statement.cancelled) return end(statement, 'ABORTED')
    statement.status = 'STARTED'
    const { commit, rollback } = await engine.begin()
    try {
      await runParts(statement, () => statement.cancelled)
      if (fault?.kind === 'ends') throw new RedshiftError(fault.error ?? 'on request')
      if (fault?.kind === 'forgotten' || (fault?.kind === 'vanishes' && !fault.committed)) await rollback()
      else await commit()
      statement.vanished = fault?.kind === 'vanishes'
      if (fault?.kind === 'lost-at-commit') return end(statement, 'FAILED', 'ERROR: An I/O error occurred.')
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
      readerEnded()
      return { Status: true }
    },
    interleave: interleaved.set,
    /** A transaction that has read these tables and stays open until the function that is given back is called. */
    openReader(...tables: readonly string[]): () => void {
      const reader = new Set(tables)
      readers.add(reader)
      return () => {
        readers.delete(reader)
        readerEnded()
        interleaved.look()
      }
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
