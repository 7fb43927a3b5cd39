/**
 * Runs statements through the Data API: submits them, waits for them, and finds them again when an answer is lost.
 * https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html
 */

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
import type { QueryParameters } from '../../src/contract.js'
import { AuditError, interrupted } from '../../src/errors.js'
import { type Job, type JobTiming, type Outcome, runToEnd } from '../shared/jobs.js'
import type { RedshiftAddress } from './address.js'
import { apiFailure, statementFailure, vanished } from './failures.js'

/** The Data API itself ends a statement after 24 hours. */
const TIMING: JobTiming = { pollMs: 100, limitMs: Number.POSITIVE_INFINITY, cancelMs: Number.POSITIVE_INFINITY }

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

export interface Statements {
  readonly sqls: readonly string[]
  /** Each must be used by one of the statements, and not be empty. */
  readonly parameters?: QueryParameters
  /** What is being done, for errors: `loading`. */
  readonly what: string
  /** Two requests with the same token are one statement, for 8 hours. At most 64 characters. */
  readonly token?: string
  /** Called with each description of the statement while it runs. */
  readonly onRunning?: (described: DescribeStatementCommandOutput) => void
  readonly signal: AbortSignal
}

export interface Result {
  readonly columns: readonly ColumnMetadata[]
  readonly rows: AsyncGenerator<readonly Field[]>
}

export interface DataApi {
  /**
   * Runs statements as one transaction and waits for its end. If the signal is aborted, the statement is cancelled, unless it
   * has committed by then.
   *
   * @returns the statement's id if all of it was committed, or the reason it failed
   * @throws a retryable AuditError if the answer was lost: the same token finds the statement again
   */
  run(statements: Statements): Promise<Outcome<string>>
  /** The same, but throws the reason as an error. */
  must(statements: Statements): Promise<string>
  /** The result of the n-th statement, counted from 1. Later pages are fetched as they are read. */
  result(statement: string, n: number): Promise<Result>
  close(): void
}

/** @param waitSeconds after which the service answers even if the statement still runs; a longer wait takes several requests */
export function dataApi({ id, target, region, endpoint }: RedshiftAddress, waitSeconds: number): DataApi {
  // The client would warn on the console, and Node's warning would appear between the log lines.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = new RedshiftDataClient({
    logger: SILENT,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    requestHandler: { connectionTimeout: 10_000, requestTimeout: (waitSeconds + 30) * 1000 },
  })
  const guarded = async <T>(what: string, request: () => Promise<T>): Promise<T> => {
    try {
      return await request()
    } catch (error) {
      throw apiFailure(id, what, error)
    }
  }

  function statementJob({ sqls, parameters = new Map(), what, token, onRunning }: Statements): Job<string> {
    let statement = ''
    return {
      async submit() {
        const request = new BatchExecuteStatementCommand({
          ...target,
          Database: target.Database,
          Sqls: [...sqls],
          StatementName: `wandb-audit: ${what}`,
          ...(parameters.size === 0 ? {} : { Parameters: [...parameters].map(([name, value]) => ({ name, value })) }),
          ...(token === undefined ? {} : { ClientToken: token }),
        })
        const { Id } = await guarded(what, () => client.send(request))
        if (Id === undefined) throw new AuditError(`${id}: ${what} was answered without a statement's id`)
        statement = Id
        return null
      },

      async look(abortSignal) {
        const request = new DescribeStatementCommand({ Id: statement, WaitTimeSeconds: waitSeconds })
        try {
          const described = await client.send(request, { abortSignal })
          if (described.Status === 'FINISHED') return { done: statement }
          const ended = described.Status === 'FAILED' || described.Status === 'ABORTED'
          if (ended) return { failed: statementFailure(id, what, described) }
          onRunning?.(described)
          return null
        } catch (error) {
          if (abortSignal.aborted) return null
          if (isUnknown(error)) return { failed: vanished(id, what, statement) }
          throw apiFailure(id, what, error)
        }
      },

      // Whether the cancellation arrived in time, or at all, shows in the state of the statement.
      cancel: () =>
        client.send(new CancelStatementCommand({ Id: statement })).then(
          () => true,
          () => true,
        ),
    }
  }

  async function run(statements: Statements): Promise<Outcome<string>> {
    const outcome = await runToEnd(statementJob(statements), TIMING, statements.signal)
    return 'cancelled' in outcome ? { failed: interrupted() } : outcome
  }

  return {
    run,

    async must(statements) {
      if (statements.signal.aborted) throw interrupted()
      const outcome = await run(statements)
      if ('failed' in outcome) throw outcome.failed
      return outcome.done
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

const isUnknown = (error: unknown): boolean => error instanceof Error && error.name === 'ResourceNotFoundException'
