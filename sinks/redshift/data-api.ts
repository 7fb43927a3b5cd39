/**
 * Statements through the Data API: sent, waited for, found again when an answer is lost.
 * https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
 */

import { setTimeout as pause } from 'node:timers/promises'
import {
  BatchExecuteStatementCommand,
  CancelStatementCommand,
  type ColumnMetadata,
  DescribeStatementCommand,
  type DescribeStatementCommandOutput,
  type Field,
  GetStatementResultCommand,
  RedshiftDataClient,
} from '@aws-sdk/client-redshift-data'
import { AuditError, interrupted } from '../../src/errors.js'
import type { RedshiftAddress } from './address.js'
import { apiFailure, statementFailure, vanished } from './failures.js'

/** The service answers as soon as the statement ends, or after this time; a longer wait is asked for again. */
const WAIT_SECONDS = 20
const LEAST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5000

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** For what nobody stops. */
export const never: AbortSignal = new AbortController().signal

export interface Statements {
  readonly sqls: readonly string[]
  /** What is being done, for errors: `loading`. */
  readonly what: string
  /** Two requests with the same token are one statement, for 8 hours. At most 64 characters. */
  readonly token?: string
  readonly signal: AbortSignal
}

/** All of it committed; or nothing, as far as anyone can tell. */
export type Outcome = { readonly finished: string } | { readonly failed: AuditError }

export interface Result {
  readonly columns: readonly ColumnMetadata[]
  readonly rows: AsyncGenerator<readonly Field[]>
}

export interface DataApi {
  /**
   * Runs statements as one transaction and waits for its end. When the signal is aborted, the statement is cancelled; one that
   * was committed before that is finished all the same.
   *
   * @returns the statement's id, or what it failed of
   * @throws a retryable AuditError when the answer was lost: the same token finds the statement again
   */
  run(statements: Statements): Promise<Outcome>
  /** The same, but throws what it failed of. */
  must(statements: Statements): Promise<string>
  /** The result of the n-th statement, counted from 1; the pages after the first are fetched as they are read. */
  result(statement: string, n: number): Promise<Result>
  close(): void
}

export function dataApi({ id, target, region, endpoint }: RedshiftAddress): DataApi {
  // The client would warn on the console, and a warning of Node's would stand between the log lines.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = new RedshiftDataClient({
    logger: SILENT,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    requestHandler: { connectionTimeout: 10_000, requestTimeout: (WAIT_SECONDS + 30) * 1000 },
  })
  const guarded = async <T>(what: string, request: () => Promise<T>): Promise<T> => {
    try {
      return await request()
    } catch (error) {
      throw apiFailure(id, what, error)
    }
  }

  async function run({ sqls, what, token, signal }: Statements): Promise<Outcome> {
    const request = new BatchExecuteStatementCommand({
      ...target,
      Database: target.Database,
      Sqls: [...sqls],
      StatementName: `wandb-audit: ${what}`,
      ...(token === undefined ? {} : { ClientToken: token }),
    })
    const { Id: statement } = await guarded(what, () => client.send(request))
    if (statement === undefined) throw new AuditError(`${id}: ${what} was answered without a statement's id`)
    return await settled(statement, what, signal)
  }

  async function settled(statement: string, what: string, signal: AbortSignal): Promise<Outcome> {
    let cancelled = false
    const cancel = (): void => {
      cancelled = true
      client.send(new CancelStatementCommand({ Id: statement })).catch(() => {}) // what became of it, describing tells
    }
    signal.addEventListener('abort', cancel, { once: true })
    if (signal.aborted) cancel()
    try {
      for (let wait = LEAST_PAUSE_MS; ; wait = Math.min(wait * 1.5, LONGEST_PAUSE_MS)) {
        const described = await describe(statement, what)
        if (described === null) return { failed: vanished(id, what, statement) }
        if (described.Status === 'FINISHED') return { finished: statement }
        if (described.Status === 'FAILED' || described.Status === 'ABORTED') {
          return { failed: cancelled ? interrupted() : statementFailure(id, what, described) }
        }
        await pause(wait)
      }
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  async function describe(statement: string, what: string): Promise<DescribeStatementCommandOutput | null> {
    const request = new DescribeStatementCommand({ Id: statement, WaitTimeSeconds: WAIT_SECONDS })
    try {
      return await client.send(request)
    } catch (error) {
      if (error instanceof Error && error.name === 'ResourceNotFoundException') return null
      throw apiFailure(id, what, error)
    }
  }

  return {
    run,

    async must(statements) {
      if (statements.signal.aborted) throw interrupted()
      const outcome = await run(statements)
      if ('failed' in outcome) throw outcome.failed
      return outcome.finished
    },

    async result(statement, n) {
      const page = (token?: string) =>
        guarded('reading a result', () =>
          client.send(
            new GetStatementResultCommand({
              Id: `${statement}:${n}`,
              ...(token === undefined ? {} : { NextToken: token }),
            }),
          ),
        )
      const first = await page()
      async function* rows(): AsyncGenerator<readonly Field[]> {
        for (let { Records, NextToken } = first; ; { Records, NextToken } = await page(NextToken)) {
          yield* Records ?? []
          if (NextToken === undefined || NextToken === '') return
        }
      }
      return { columns: first.ColumnMetadata ?? [], rows: rows() }
    },

    close: () => client.destroy(),
  }
}
