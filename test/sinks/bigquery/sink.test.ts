import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startGcs } from '../../emulators/gcs.js'
import { countsOf, documentOf, loadInto, ndjson, newFolder } from '../../support/load.js'
import { eventsOf, rowsOf } from '../../support/rows.js'
import { newPlace } from './support.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_email: 'ada@example.com', run_asset: 9 }
const DOCUMENTS = { a: ndjson(EVENT, 'no json') }

describe('a run', () => {
  it('is one load job and one query job a batch, and none is repeated', async () => {
    const { standIn, open } = await newPlace()
    await loadInto(open(), { a: ndjson(EVENT), b: ndjson(EVENT, 'no json'), c: '' }, { batchBytes: 1 })
    const steps = standIn.jobs().map(({ jobReference: { jobId }, configuration }) => ({
      step: /-(load|merge|query)-/.exec(jobId)?.[1],
      kind: configuration.load === undefined ? 'query' : 'load',
      attempt: jobId.at(-1),
    }))
    const batch = [
      { step: 'load', kind: 'load', attempt: '1' },
      { step: 'merge', kind: 'query', attempt: '1' },
    ]
    const question = { step: 'query', kind: 'query', attempt: '1' }
    // The actions are written, and what privacy requires and the receipts are read, once.
    expect(steps).toEqual([question, question, question, ...batch, ...batch, ...batch])
    const uploads = standIn.requests.filter((line) => line.startsWith('POST /upload'))
    expect(uploads).toHaveLength(3)
  })

  it('that finds all as it should be writes nothing but the batch', async () => {
    const { standIn, open } = await newPlace()
    await loadInto(open(), DOCUMENTS)
    const before = standIn.requests.length
    await open().prepare()
    expect(standIn.requests.slice(before).filter((line) => !line.startsWith('GET'))).toEqual([])
  })

  it('tells what it cost, and keeps that beside the receipt', async () => {
    const { notices, open } = await newPlace()
    const sink = open()
    await loadInto(sink, DOCUMENTS)
    expect(notices).toEqual([
      expect.stringMatching(/^bigquery:.*: [0-9]+ bytes processed by job wandb-audit-.*-merge-1$/),
    ])
    const costs = await rowsOf(
      sink,
      `SELECT loads.load_id, costs.bytes_processed > 0 AS processed, costs.bytes_billed > 0 AS billed
       FROM audit_loads AS loads JOIN audit_load_costs AS costs ON costs.load_id = loads.load_id`,
    )
    expect(costs).toMatchObject([{ processed: true, billed: true }])
  })

  it('leaves no staging table behind, and one that a crash leaves expires within a day', async () => {
    const { standIn, open } = await newPlace()
    const sink = open('', { retries: 0 })
    await loadInto(sink, DOCUMENTS)
    const staging = (): unknown[] =>
      standIn.tables('audit').filter(({ tableReference }) => tableReference.tableId.startsWith('wandb_audit_'))
    expect(staging()).toEqual([])
    standIn.jobFaults.push({
      job: /merge/,
      does: { reason: 'quotaExceeded', message: 'Quota exceeded: too much.' },
      times: 1,
    })
    await expect(loadInto(sink, { b: ndjson(EVENT) })).rejects.toThrow(/quotaExceeded: Quota exceeded: too much/)
    const [left] = standIn
      .tables('audit')
      .filter(({ tableReference }) => tableReference.tableId.startsWith('wandb_audit_'))
    expect(Number(left?.expirationTime) - Date.now()).toBeLessThanOrEqual(86_400_000)
    expect(Number(left?.expirationTime)).toBeGreaterThan(Date.now())
  })
})

describe('the tables', () => {
  it('are partitioned by day, clustered and described', async () => {
    const { standIn, open } = await newPlace()
    await open().prepare()
    const events = standIn.tables('audit').find(({ tableReference }) => tableReference.tableId === 'audit_events')
    expect(events).toMatchObject({
      description: expect.stringContaining('audit event'),
      timePartitioning: { type: 'DAY', field: 'timestamp' },
      clustering: { fields: ['action', 'content_hash'] },
      requirePartitionFilter: false,
    })
    const clustered = standIn.tables('audit').filter(({ clustering }) => clustering !== undefined)
    expect(
      Object.fromEntries(
        clustered.map(({ tableReference, clustering }) => [tableReference.tableId, clustering?.fields]),
      ),
    ).toMatchObject({ audit_conflicts: ['conflict_id'], audit_reject_pieces: ['reject_id'] })
    const described = standIn.tables('audit').filter(({ type }) => type === 'TABLE')
    expect(
      described.flatMap(({ schema }) => schema.fields).filter(({ description = '' }) => description === ''),
    ).toEqual([])
    expect(events?.schema.fields.filter(({ mode }) => mode === 'REQUIRED').map(({ name }) => name)).toEqual([
      'timestamp',
      'action',
      'content_hash',
    ])
  })

  it('of two prefixes stand side by side', async () => {
    const { standIn, open } = await newPlace()
    expect(countsOf(await loadInto(open(), DOCUMENTS))).toEqual([1, 0, 0, 1])
    const other = open('table_prefix=wb_')
    expect(other.id).toBe(`bigquery://${standIn.project}/audit?table_prefix=wb_`)
    expect(countsOf(await loadInto(other, DOCUMENTS))).toEqual([1, 0, 0, 1])
    expect(await rowsOf(other, 'SELECT COUNT(*) AS n FROM wb_audit_events')).toEqual([{ n: 1 }])
  })

  it('that require a filter get one from every statement of ours, and no query does without', async () => {
    const { open } = await newPlace()
    const sink = open('require_partition_filter=true')
    await loadInto(sink, DOCUMENTS)
    expect(countsOf(await loadInto(sink, { b: ndjson({ ...EVENT, user_email: 'x' }) }))).toEqual([0, 1, 0, 0])
    const contradicting = { b: ndjson({ ...EVENT, actor_email: 'y' }), c: ndjson({ ...EVENT, actor_email: 'z' }) }
    expect((await loadInto(sink, contradicting)).sinks[0]).toMatchObject({ unchanged: 2, conflicts: 2 })
    const answers = await Promise.all((await sink.questions.status(14)).map(({ sql }) => rowsOf(sink, sql)))
    expect(answers.map((rows) => rows.length)).toEqual([1, 2, 1, 0, 1, 0])
    await expect(sink.query('SELECT action FROM audit_events')).rejects.toThrow(/without a filter over column/)
    const day = "timestamp BETWEEN TIMESTAMP '2026-10-01' AND TIMESTAMP '2026-10-02'"
    expect(await rowsOf(sink, `SELECT action FROM audit_events WHERE ${day}`)).toEqual([{ action: 'user:login' }])
  })
})

describe('asking', () => {
  it('status and rejects answers as every sink does', async () => {
    const { open } = await newPlace()
    const sink = open()
    await loadInto(sink, { a: ndjson(EVENT, 'no json'), b: ndjson({ ...EVENT, action: 'run:teleport' }) })
    await loadInto(sink, { b: ndjson({ ...EVENT, actor_email: 'ada@example.org' }) })
    const [sources, days, conflicts, actions, keys] = await Promise.all(
      (await sink.questions.status(14)).map(({ sql }) => rowsOf(sink, sql)),
    )
    expect(sources).toMatchObject([{ source: 'test', documents: 2, earliest: '2026-10-01T12:34:56Z' }])
    expect(days).toMatchObject([
      { day: '2026-10-01', source: 'test', events: 2, rejects: 0 },
      { source: 'test', events: 0, rejects: 1 },
    ])
    expect(conflicts).toMatchObject([{ column_name: 'actor_email', conflicts: 1, events: 1 }])
    expect(actions).toMatchObject([{ action: 'run:teleport', events: 1 }])
    expect(keys).toMatchObject([{ key: 'run_asset', events: 2 }])
    expect(await rowsOf(sink, sink.questions.rejects)).toMatchObject([{ reason: 'not_json', source_document: 'a' }])
    expect(await rowsOf(sink, sink.questions.rawRejects)).toEqual([{ reason: 'not_json', raw: 'no json', more: false }])
  })

  it('reads page after page, and values of every type', async () => {
    const { standIn, open } = await newPlace({ pageRows: 7 })
    const sink = open()
    await sink.prepare()
    const numbers = await rowsOf(sink, 'SELECT n FROM UNNEST(GENERATE_ARRAY(1, 20)) AS n ORDER BY n')
    expect(numbers.map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(standIn.requests.filter((line) => /GET .*\/queries\//.test(line)).length).toBeGreaterThanOrEqual(3)
    const { columns, rows } = await sink.query(
      `SELECT 9007199254740993 AS big, 1.5 AS number, TRUE AS yes, 'x' AS word, NULL AS nothing,
         TIMESTAMP '1969-12-31 23:59:59.999999+00' AS instant, DATE(TIMESTAMP '2026-10-01 00:00:00+00') AS day`,
    )
    expect(columns.map(({ type }) => type)).toEqual([
      'integer',
      'double',
      'boolean',
      'text',
      'integer',
      'timestamp',
      'date',
    ])
    for await (const row of rows)
      expect(row).toEqual([9007199254740993n, 1.5, true, 'x', null, '1969-12-31T23:59:59.999999Z', '2026-10-01'])
  })

  it.each([
    'DELETE FROM audit_events WHERE TRUE',
    'UPDATE audit_actions SET definition = action WHERE TRUE',
    'SELECT 1; SELECT 2',
    'BEGIN TRANSACTION; COMMIT TRANSACTION',
  ])('%s is refused before it is run', async (sql) => {
    const { standIn, open } = await newPlace()
    const sink = open()
    await loadInto(sink, DOCUMENTS)
    const before = standIn.jobs().length
    await expect(sink.query(sql)).rejects.toMatchObject({ message: expect.stringContaining('only reads'), exitCode: 2 })
    expect(standIn.jobs()).toHaveLength(before)
    expect(await eventsOf(sink)).toHaveLength(1)
  })

  it('a place where nothing was loaded says so, makes nothing, and has no receipts', async () => {
    const { standIn, open } = await newPlace()
    await expect(open().query('SELECT 1')).rejects.toMatchObject({ advice: expect.stringContaining('Load something') })
    expect(await open().receipts('test')).toEqual(new Map())
    expect(standIn.requests.filter((line) => !line.startsWith('GET'))).toEqual([])
  })
})

describe('an estimate', () => {
  it('states jobs, and bytes by BigQuery itself, and makes nothing', async () => {
    const { standIn, open } = await newPlace()
    const everything = { from: null, to: null }
    expect(await open().estimate?.(everything)).toEqual({ jobs: 2, bytes: 0 })
    expect(standIn.requests.filter((line) => !line.startsWith('GET'))).toEqual([])
    const sink = open('require_partition_filter=true')
    await loadInto(sink, DOCUMENTS)
    const before = standIn.jobs().length
    const day = { from: new Date('2026-10-01'), to: new Date('2026-10-02') }
    for (const range of [everything, day]) expect(await sink.estimate?.(range)).toEqual({ jobs: 2, bytes: 100 })
    expect(standIn.jobs()).toHaveLength(before)
  })
})

describe('a bucket for staging', () => {
  it('holds the file while it is loaded, and the load job takes it from there', async () => {
    const gcs = await startGcs({ buckets: ['spool'] })
    const fetched: string[] = []
    const { standIn, open } = await newPlace({
      async fetchObject(uri) {
        fetched.push(uri)
        const path = join(newFolder(), 'object.parquet')
        await writeFile(path, gcs.get('spool', uri.replace('gs://spool/', '')) ?? '')
        return path
      },
    })
    const staging = encodeURIComponent(`gs://spool/below?endpoint=${gcs.url}`)
    const sink = open(`staging=${staging}`)
    expect(countsOf(await loadInto(sink, DOCUMENTS))).toEqual([1, 0, 0, 1])
    expect(fetched).toEqual([expect.stringMatching(/^gs:\/\/spool\/below\/wandb-audit-.*\.parquet$/)])
    expect(gcs.get('spool', fetched[0]?.replace('gs://spool/', '') ?? '')).toBeNull()
    expect(standIn.requests.filter((line) => line.startsWith('POST /upload'))).toEqual([])
    await gcs.close()
  })
})

describe('labels', () => {
  it('stand on every job, with the load it belongs to', async () => {
    const { standIn, open } = await newPlace()
    await loadInto(open('labels=team:security,env:'), DOCUMENTS)
    for (const { configuration, jobReference } of standIn.jobs()) {
      expect(configuration.labels).toMatchObject({ application: 'wandb-audit', team: 'security', env: '' })
      const step = /wandb-audit-([0-9TZ]+-[0-9a-f]{8})-/.exec(jobReference.jobId)
      if (step !== null) expect(configuration.labels?.load_id).toBe(step[1]?.toLowerCase())
    }
  })
})

describe('the batch', () => {
  it('of documents with every kind of line is one file', async () => {
    const { open } = await newPlace()
    const sink = open()
    const documents = [documentOf('empty', ''), documentOf('bad', 'x\ny\n'), documentOf('good', ndjson(EVENT))]
    expect(countsOf(await loadInto(sink, documents))).toEqual([1, 0, 0, 2])
    expect((await sink.receipts('test')).size).toBe(3)
  })
})
