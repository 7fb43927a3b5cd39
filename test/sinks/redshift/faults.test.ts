/** What can go wrong between the client and Redshift, and what the sink makes of it. */

import { describe, expect, it } from 'vitest'
import { redshiftSink } from '../../../sinks/redshift/index.js'
import type { TurnTiming } from '../../../sinks/redshift/turn.js'
import type { LoadCounts, Sink } from '../../../src/contract.js'
import { batchOf, documentOf, loadInto, ndjson, never, newEngine } from '../../support/load.js'
import { eventsOf, rowsOf } from '../../support/rows.js'
import { addressOf, BUCKET, newSchema, newSink, standIns } from './support.js'

const on = standIns()

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_email: 'ada@example.com' }
const LOADING = /^COPY/
const ONE: LoadCounts = { read: 1, inserted: 1, enriched: 0, unchanged: 0, rejected: 0, conflicts: 0 }

const load = async (sink: Sink, signal = never): Promise<LoadCounts> =>
  sink.load(await batchOf(await newEngine(), [documentOf('a', ndjson(EVENT))]), signal)

/** The batches that loaded something, since the last call. */
let counted = 0
function loadsSince(): readonly string[] {
  const loads = on.redshift.statements.slice(counted).filter(({ parts }) => parts.some(({ sql }) => LOADING.test(sql)))
  counted = on.redshift.statements.length
  return loads.map(({ status }) => status)
}

async function once(sink: Sink): Promise<void> {
  expect(await eventsOf(sink)).toHaveLength(1)
  expect(await rowsOf(sink, 'SELECT load_id FROM audit_loads')).toHaveLength(1)
  expect(on.redshift.faultsLeft).toBe(0)
}

describe('a lost answer', () => {
  it('is found again: the statement is run once', async () => {
    const sink = await newSink(on)
    loadsSince()
    // More than the client tries by itself.
    for (let i = 0; i < 4; i++) on.redshift.fail({ operation: 'BatchExecuteStatement', kind: 'lost-answer' })
    expect(await load(sink)).toEqual(ONE)
    expect(loadsSince()).toEqual(['FINISHED'])
    await once(sink)
    await sink.close()
  })

  it.each(['DescribeStatement', 'GetStatementResult'])('of %s is asked for again', async (operation) => {
    const sink = await newSink(on)
    loadsSince()
    for (let i = 0; i < 4; i++) on.redshift.fail({ operation, kind: 'lost-answer' })
    expect(await load(sink)).toEqual(ONE)
    expect(loadsSince()).toEqual(['FINISHED'])
    await once(sink)
    await sink.close()
  })
})

describe('a statement that ends badly', () => {
  it.each([
    '1023\n  DETAIL:  Serializable isolation violation on table - 107568',
    '1018\n  DETAIL:  Relation does not exist.',
    'duplicate key violates unique constraint "pg_class_relname_nsp_index"',
    'deadlock detected\n  DETAIL:  Process 3 waits for AccessExclusiveLock on relation 7',
    'terminating connection due to administrator command',
    'An I/O error occurred while sending to the backend.',
  ])('is tried anew where that passes by itself: %s', async (error) => {
    const sink = await newSink(on)
    loadsSince()
    on.redshift.fail({ kind: 'ends', sql: LOADING, status: 'FAILED', error })
    expect(await load(sink)).toEqual(ONE)
    expect(loadsSince()).toEqual(['FAILED', 'FINISHED'])
    await once(sink)
    await sink.close()
  })

  it.each([true, false])(
    'is tried anew when it vanished, and counts once (it was committed: %s)',
    async (committed) => {
      const sink = await newSink(on)
      on.redshift.fail({ kind: 'vanishes', sql: LOADING, committed })
      expect(await load(sink)).toEqual(ONE)
      await once(sink)
      await sink.close()
    },
  )

  it('lost its connection at COMMIT: what became of it is looked up, and it is loaded once', async () => {
    const sink = await newSink(on)
    loadsSince()
    on.redshift.fail({ kind: 'lost-at-commit', sql: LOADING })
    expect(await load(sink)).toEqual(ONE)
    // It was there: nothing was copied again.
    expect(loadsSince()).toEqual(['FAILED'])
    await once(sink)
    await sink.close()
  })

  it('lost its connection each time: it is not said that nothing is changed', async () => {
    const sink = await newSink(on)
    for (let i = 0; i < 6; i++) {
      on.redshift.fail({ kind: 'ends', sql: LOADING, status: 'FAILED', error: 'terminating connection' })
    }
    await expect(load(sink)).rejects.toMatchObject({
      message: expect.stringMatching(/lost its connection .*; whether it was committed is not known$/),
      advice: expect.stringContaining('receipts'),
    })
    await sink.close()
  }, 120_000)

  it('was stopped by somebody: that is told, and not tried again', async () => {
    const sink = await newSink(on)
    loadsSince()
    on.redshift.fail({ kind: 'ends', sql: LOADING, status: 'ABORTED' })
    await expect(load(sink)).rejects.toMatchObject({
      message: expect.stringMatching(/loading was stopped in Redshift/),
      advice: expect.stringContaining('cancelled'),
      retryable: false,
    })
    expect(loadsSince()).toEqual(['ABORTED'])
    expect(await eventsOf(sink)).toEqual([])
    await sink.close()
  })

  it.each([
    `invalid input syntax: "ada@example.com"\n  DETAIL: value "ada@example.com"`,
    `invalid input syntax for type integer: "ada@example.com: permission denied, timeout, table x does not exist"`,
    "Invalid digit, Value 'ada@example.com', Pos 0, Type: Integer",
  ])('names no value, even where Redshift does: %s', async (error) => {
    const sink = await newSink(on)
    on.redshift.fail({ kind: 'ends', sql: LOADING, status: 'FAILED', error })
    const failure = await load(sink).catch((reason: unknown) => reason)
    expect(failure).toMatchObject({ advice: expect.stringContaining('describe-statement') })
    expect(JSON.stringify([String(failure), (failure as Error).cause])).not.toContain('ada@')
    await sink.close()
  })

  it('says which column a COPY stumbled over, and no value', async () => {
    const sink = await newSink(on)
    const batch = await batchOf(await newEngine(), [documentOf('a', ndjson(EVENT))])
    await on.redshift.execute(`INSERT INTO sys_load_error_detail VALUES (now(), 's3://x/${batch.loadId}/a.parquet',
      'actor_email', 1204, 'Invalid digit, Value ''a'', Pos 0: ada@example.com')`)
    const error = "Load into table 'staged_events' failed. Check 'sys_load_error_detail' system table for details."
    on.redshift.fail({ kind: 'ends', sql: LOADING, status: 'FAILED', error })
    await expect(sink.load(batch, never)).rejects.toMatchObject({
      message: expect.stringMatching(/staged_events.*\(column actor_email: Invalid digit, Value …, Pos 0…\)$/),
      advice: expect.stringContaining('sys_load_error_detail'),
    })
    await sink.close()
  })

  it('says what COPY says below its first line: the column, without addresses and values', async () => {
    const sink = await newSink(on)
    const error = `Spectrum Scan Error
  DETAIL:
  -----------------------------------------------
  error:  Spectrum Scan Error
  code:      15001
  context:   The length of the data column s3://b/k.actor_email is longer than the length defined in the table. Table: 5, Data: 15, File name: https://s3.amazonaws.com/b/k?X-Amz-Signature=secret
  query:     50511242`
    on.redshift.fail({ kind: 'ends', sql: LOADING, status: 'FAILED', error })
    const failure = await load(sink).catch((reason: Error) => reason.message)
    expect(failure).toMatch(/loading failed: Spectrum Scan Error \(column actor_email: The length .* Data: 15/)
    expect(failure).not.toMatch(/X-Amz|https/)
    await sink.close()
  })

  it.each([
    [
      'a COPY',
      "Load into table 'staged_events' failed. Check 'sys_load_error_detail' system table for details.",
      /sys_load_error_detail/,
    ],
    [
      'a role',
      'User arn:aws:redshift:eu-central-1:1:dbuser:x/y is not authorized to assume IAM Role arn:aws:iam::1:role/z',
      /attached/,
    ],
    ['S3', 'S3ServiceException:Access Denied,Status 403,Error AccessDenied', /s3:GetObject/],
    [
      'a bucket for VPC endpoints',
      'Spectrum Scan Error: Access Denied',
      /VPC endpoints alone, or limits s3:signatureAge/,
    ],
    ['a key', 'S3ServiceException:User is not authorized to perform: kms:Decrypt,Status 403', /kms:Decrypt on the key/],
    ['a region', 'S3ServiceException:The bucket must be addressed using the specified endpoint,Status 301', /region/],
    ['a right', 'permission denied for relation audit_events', /CREATE on the schema/],
    ['a schema', 'permission denied for database audit', /CREATE on the database/],
  ])('for %s says what to do', async (_what, error, advice) => {
    const sink = await newSink(on)
    on.redshift.fail({ kind: 'ends', sql: LOADING, status: 'FAILED', error })
    await expect(load(sink)).rejects.toMatchObject({ advice: expect.stringMatching(advice), retryable: false })
    await sink.close()
  })
})

describe('the service', () => {
  it.each(['ActiveStatementsExceededException', 'ThrottlingException', 'InternalServerException'])(
    'is asked again after %s',
    async (name) => {
      const sink = await newSink(on)
      const status = name.startsWith('Internal') ? 500 : 400
      for (let i = 0; i < 3; i++) on.redshift.fail({ operation: 'BatchExecuteStatement', kind: 'refuse', name, status })
      expect(await load(sink)).toEqual(ONE)
      await once(sink)
      await sink.close()
    },
  )

  it('whose cluster is paused says so', async () => {
    const sink = await newSink(on)
    const message = 'Cluster old is paused.'
    on.redshift.fail({ operation: 'BatchExecuteStatement', kind: 'refuse', name: 'ValidationException', message })
    await expect(load(sink)).rejects.toMatchObject({ advice: expect.stringContaining('Resume'), retryable: false })
    await sink.close()
  })

  it('that refuses access is told with the policy', async () => {
    const sink = await newSink(on)
    const message = 'User: x is not authorized to perform: redshift-data:BatchExecuteStatement'
    on.redshift.fail({ operation: 'BatchExecuteStatement', kind: 'refuse', name: 'AccessDeniedException', message })
    await expect(load(sink)).rejects.toMatchObject({
      message: expect.stringContaining('not authorized'),
      advice: expect.stringContaining('docs/redshift.md'),
    })
    await sink.close()
  })

  it.each([
    ['redshift://nowhere/audit', /workgroup or cluster/],
    ['redshift://main/other', /database/],
  ])('knows no %s', async (place, advice) => {
    const address = addressOf(on, 'x').replace('redshift://main/audit', place)
    await expect(redshiftSink(address, { signal: never }).receipts('test')).rejects.toMatchObject({
      advice: expect.stringMatching(advice),
    })
  })
})

describe('Ctrl-C', () => {
  it('cancels the statement, and nothing of it stays', async () => {
    const sink = await newSink(on)
    loadsSince()
    const controller = new AbortController()
    on.redshift.onStatement = async (sql) => {
      if (!/^UPDATE/.test(sql)) return
      const cancels = on.redshift.requests.length
      controller.abort()
      // Not until the cancellation has arrived.
      while (!on.redshift.requests.slice(cancels).some(({ operation }) => operation === 'CancelStatement')) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await expect(load(sink, controller.signal)).rejects.toThrow('interrupted')
    on.redshift.onStatement = () => {}
    expect(loadsSince()).toEqual(['ABORTED'])
    expect(await eventsOf(sink)).toEqual([])
    expect(await load(sink)).toEqual(ONE)
    await sink.close()
  })

  it('after the commit undoes nothing and hides nothing', async () => {
    const sink = await newSink(on)
    const controller = new AbortController()
    on.redshift.onEffect = (operation) => {
      if (operation === 'DescribeStatement') controller.abort()
    }
    expect(await load(sink, controller.signal)).toEqual(ONE)
    on.redshift.onEffect = () => {}
    await once(sink)
    await sink.close()
  })

  it('after an answer was lost tells what is there', async () => {
    const sink = await newSink(on)
    loadsSince()
    const controller = new AbortController()
    on.redshift.onEffect = (operation) => {
      if (operation === 'BatchExecuteStatement') controller.abort()
    }
    for (let i = 0; i < 4; i++) on.redshift.fail({ operation: 'BatchExecuteStatement', kind: 'lost-answer' })
    const outcome = await load(sink, controller.signal).catch((error: Error) => error.message)
    on.redshift.onEffect = () => {}
    const [status, ...others] = loadsSince()
    expect([status, others]).toEqual([outcome === 'interrupted' ? 'ABORTED' : 'FINISHED', []])
    expect(await eventsOf(sink)).toHaveLength(outcome === 'interrupted' ? 0 : 1)
    await sink.close()
  })

  it('cancels a query', async () => {
    const sink = await newSink(on)
    const controller = new AbortController()
    const schema = /schema=(\w+)/.exec(addressOf(on, 'public'))?.[1] ?? ''
    const asking = redshiftSink(addressOf(on, schema), { signal: controller.signal })
    controller.abort()
    await expect(asking.query('SELECT 1')).rejects.toThrow('interrupted')
    await sink.close()
  })
})

describe('a load that waits for its turn', () => {
  const waiting = async (timing: Pick<TurnTiming, 'warnMs' | 'limitMs'>, onNotice: (text: string) => void) => {
    const schema = newSchema()
    await (await newSink(on, schema)).close()
    const close = on.redshift.openReader(`"${schema}"."audit_lock"`)
    return {
      close,
      sink: redshiftSink(addressOf(on, schema), { signal: never, onNotice }, { ...timing, lookSeconds: 0 }),
    }
  }

  it('says whom it waits for, and goes on when that has ended', async () => {
    const notices: string[] = []
    const { sink, close } = await waiting({ warnMs: 0, limitMs: 1e9 }, (text) => {
      notices.push(text)
      close()
    })
    expect(await load(sink)).toEqual(ONE)
    expect(notices).toEqual([expect.stringMatching(/waiting for "\w+"."audit_lock", which another load/)])
    await sink.close()
  })

  it('ends after a limit, with how to find who holds it, and leaves nothing', async () => {
    const { sink, close } = await waiting({ warnMs: 1e9, limitMs: 0 }, () => {})
    await expect(load(sink)).rejects.toMatchObject({
      message: expect.stringMatching(/waited 0 minutes for "\w+"."audit_lock" .*; nothing is changed$/),
      advice: expect.stringContaining('svv_transactions'),
    })
    close()
    expect(await load(sink)).toEqual(ONE)
    await sink.close()
  })
})

describe('staged objects', () => {
  it('are gone after a load, and after one that failed', async () => {
    const sink = await newSink(on)
    await loadInto(sink, { a: ndjson(EVENT) })
    on.redshift.fail({ kind: 'ends', sql: LOADING, status: 'ABORTED' })
    await expect(load(sink)).rejects.toThrow()
    expect(on.s3.keys(BUCKET)).toEqual([])
    await sink.close()
  })

  it('that cannot be removed do not undo the load', async () => {
    const sink = await newSink(on)
    on.s3.fail({ action: 'DeleteObject', kind: 'refuse', code: 'AccessDenied' })
    expect(await load(sink)).toEqual(ONE)
    expect(on.s3.keys(BUCKET)).toHaveLength(1)
    on.s3.remove(BUCKET, on.s3.keys(BUCKET)[0] ?? '')
    await once(sink)
    await sink.close()
  })
})

describe('two loads at once', () => {
  it('wait for each other by a lock that comes before all else, and none doubles', async () => {
    const sink = await newSink(on)
    loadsSince()
    const batches = []
    for (const name of ['a', 'b', 'c'])
      batches.push(await batchOf(await newEngine(), [documentOf(name, ndjson(EVENT))]))
    // The first one does not begin before all of them are there.
    const there = on.redshift.statements.length + batches.length
    on.redshift.onStatement = async () => {
      while (on.redshift.statements.length < there) await new Promise((resolve) => setImmediate(resolve))
    }
    const all = await Promise.all(batches.map((batch) => sink.load(batch, never)))
    on.redshift.onStatement = () => {}
    expect(all.map(({ inserted, unchanged }) => [inserted, unchanged]).sort()).toEqual([
      [0, 1],
      [0, 1],
      [1, 0],
    ])
    // None had to be tried again.
    expect(loadsSince()).toEqual(['FINISHED', 'FINISHED', 'FINISHED'])
    await sink.close()
  })
})
