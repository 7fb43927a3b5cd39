/**
 * A stand-in of Redshift on this machine, for the tests: the Data API's protocol as the official client speaks it, over a
 * real PostgreSQL engine. What is Redshift's own is handled at the edge (redshift/edge.ts), what Redshift refuses is refused,
 * and what the stand-in does not know it refuses too.
 *
 * Signatures must be there; whether they are right is not looked at.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen } from '../../src/demo/listening.js'
import { type EngineOptions, startEngine } from './redshift/engine.js'
import { type Fault, faultQueue } from './redshift/faults.js'
import type { Interleaving } from './redshift/interleaving.js'
import { Refusal } from './redshift/refusals.js'
import { validBatch } from './redshift/requests.js'
import { resultPage } from './redshift/results.js'
import { describe, listed, type Statement, statementQueue } from './redshift/statements.js'

export type { Fault } from './redshift/faults.js'

export interface RedshiftOptions extends EngineOptions {
  /** Of serverless workgroups. */
  readonly workgroups: readonly string[]
  /** Of provisioned clusters. */
  readonly clusters: readonly string[]
  readonly database: string
  /** The most rows of one page of a result. */
  readonly pageRows: number
}

export interface RedshiftRequest {
  readonly operation: string
  readonly input: Readonly<Record<string, unknown>>
  /** The exception it was answered with; null: none. */
  readonly refused: string | null
}

export interface RedshiftStandIn {
  readonly url: string
  /** Every request so far. */
  readonly requests: readonly RedshiftRequest[]
  readonly statements: readonly Statement[]
  /** Called before each request is looked at; what it throws is the answer. */
  onRequest: (operation: string) => void
  /** Called after each request took effect; what it throws is the answer. */
  onEffect: (operation: string) => void
  /** Called before each statement of a batch is run. */
  onStatement: (sql: string) => void | Promise<void>
  fail(fault: Fault): void
  /** How many faults nobody ran into yet. */
  readonly faultsLeft: number
  /** As whom statements are run from now on; null: a superuser. */
  actAs(user: string | null): void
  /** Runs transactions at once from now on; null: one after the other. Not for those that make or change tables. */
  interleave(options: Interleaving | null): void
  /** A transaction that has read tables, named `"schema"."table"`, and stays open until the function that is given back is called. */
  openReader(...tables: readonly string[]): () => void
  /** Straight to the engine, for what the Data API is not asked. */
  execute(sql: string): Promise<readonly (readonly unknown[])[]>
  close(): Promise<void>
}

type Input = Readonly<Record<string, unknown>>

/** Starts the stand-in on 127.0.0.1, on a port of the system's choice. */
export async function startRedshift(options: RedshiftOptions): Promise<RedshiftStandIn> {
  const engine = await startEngine(options)
  const requests: RedshiftRequest[] = []
  const faults = faultQueue()
  const hooks: Pick<RedshiftStandIn, 'onRequest' | 'onEffect' | 'onStatement'> = {
    onRequest() {},
    onEffect() {},
    onStatement() {},
  }
  const queue = statementQueue(engine, (sql) => hooks.onStatement(sql))

  const operations: Readonly<Record<string, (input: Input) => unknown>> = {
    ExecuteStatement: ({ Sql, ...input }) =>
      operations.BatchExecuteStatement?.({ ...input, Sqls: [Sql], single: true }),
    BatchExecuteStatement: (input) => queue.submit(validBatch(input, options), faults.statement(input)),
    DescribeStatement: async ({ Id, WaitTimeSeconds }) => {
      const [statement, part] = queue.find(String(Id))
      await queue.ended(statement, Number(WaitTimeSeconds ?? 0))
      return describe(statement, part)
    },
    GetStatementResult: ({ Id, NextToken }) => {
      const [statement, part] = queue.find(String(Id))
      return resultPage(statement, part, NextToken, options.pageRows)
    },
    CancelStatement: ({ Id }) => queue.cancel(String(Id)),
    ListStatements: () => ({ Statements: queue.statements.map(listed) }),
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const operation = String(request.headers['x-amz-target'] ?? '').replace(/^RedshiftData\./, '')
    const input = JSON.parse((await bodyOf(request)) || '{}') as Input
    const entry = { operation, input, refused: null as string | null }
    requests.push(entry)
    try {
      if (!/^AWS4-HMAC-SHA256 .*\/redshift-data\/aws4_request/.test(request.headers.authorization ?? '')) {
        throw new Refusal('MissingAuthenticationTokenException', 'Missing Authentication Token')
      }
      const session = String(request.headers['x-amz-security-token'] ?? '')
      hooks.onRequest(operation)
      const fault = faults.request(operation, input)
      if (fault?.kind === 'refuse') throw new Refusal(fault.name, fault.message ?? 'on request', fault.status)
      if (typeof input.Id === 'string') owners.check(operation, input.Id, session)
      const answer = await operations[operation]?.(input)
      if (operation === 'BatchExecuteStatement') owners.add(answer, session)
      if (answer === undefined)
        throw new Refusal('UnknownOperationException', 'the stand-in does not know this request')
      hooks.onEffect(operation)
      if (fault?.kind === 'lost-answer') {
        request.socket.resetAndDestroy()
        return
      }
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer))
    } catch (error) {
      if (!(error instanceof Refusal)) {
        // What the stand-in itself cannot do is no fault to try again after.
        response
          .writeHead(400)
          .end(JSON.stringify({ __type: 'StandIn', message: `the stand-in of Redshift: ${error}` }))
        return
      }
      entry.refused = error.name
      response
        .writeHead(error.status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': error.name })
        .end(JSON.stringify({ __type: error.name, Message: error.message, message: error.message }))
    }
  }

  const owners = statementOwners()
  const { url, close } = await listen(serve)
  return Object.assign(hooks, {
    url,
    requests,
    statements: queue.statements,
    fail: faults.add,
    get faultsLeft() {
      return faults.left
    },
    actAs(user: string | null) {
      engine.user = user
    },
    interleave: queue.interleave,
    openReader: queue.openReader,
    execute: engine.execute,
    async close() {
      await close()
      await queue.idle()
      await engine.close()
    },
  })
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/**
 * Temporary credentials have the session token that tests give them, which stands for the session's name. With the policy of
 * docs/redshift.md a statement is its sender's: credentials that were renewed under another name do not see it.
 */
function statementOwners() {
  const owners = new Map<string, string>()
  return {
    add(answer: unknown, session: string): void {
      if (typeof answer === 'object' && answer !== null && 'Id' in answer) owners.set(String(answer.Id), session)
    },
    check(operation: string, id: string, session: string): void {
      if ((owners.get(id.split(':')[0] ?? '') ?? session) === session) return
      throw new Refusal(
        'AccessDeniedException',
        `User: arn:aws:sts::123456789012:assumed-role/wandb-audit/${session} is not authorized to perform: redshift-data:${operation}`,
      )
    },
  }
}
