/** What others put into the log of a Delta table is followed as far as the protocol goes, and otherwise refused with nothing changed. */

import { describe, expect, it } from 'vitest'
import { AUDIT_EVENTS, AUDIT_FINDINGS } from '../../schemas/tables.js'
import { deltaIn } from '../../sinks/delta/index.js'
import { tablesIn } from '../../sinks/delta/tables.js'
import { changingThrough } from '../support/lake-loads.js'
import { batchOf, countsOf, documentOf, loadInto, ndjson, never, sharedEngine } from '../support/load.js'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { eventsOf, rowsOf } from '../support/rows.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: 7 }
const LOG = 'audit_events/_delta_log/'

let base: Promise<MemoryLake> | undefined

/** A lake of its own, with one event. */
async function loaded(): Promise<MemoryLake> {
  base ??= withOneEvent()
  return memoryLake((await base).objects)
}

async function withOneEvent(): Promise<MemoryLake> {
  const lake = memoryLake()
  const sink = deltaIn(lake, never)
  await loadInto(sink, { a: ndjson(EVENT) })
  await sink.close()
  return lake
}

/** The table's actions as objects, and a next commit of somebody else. */
const plant = async (lake: MemoryLake, ...actions: readonly (object | string)[]): Promise<void> => {
  const lines = actions.map((action) => (typeof action === 'string' ? action : JSON.stringify(action)))
  await lake.store.write(`${LOG}00000000000000000002.json`, Buffer.from(lines.join('\n')), 'absent', never)
}

async function metaDataOf(lake: MemoryLake) {
  const { metaData } = await tablesIn(lake).current(AUDIT_EVENTS, never)
  if (metaData === null) throw new Error('there is no table')
  return metaData
}

const schemaWith = (schemaString: string, change: (field: Record<string, unknown>) => object): string => {
  const schema = JSON.parse(schemaString)
  return JSON.stringify({ ...schema, fields: schema.fields.map(change) })
}

const ADD = { partitionValues: { event_date: '2026-10-01' }, size: 1, modificationTime: 1, dataChange: true }

describe('a log that somebody else wrote to', () => {
  type Planted = (lake: MemoryLake) => Promise<readonly (object | string)[]>
  const refused: readonly (readonly [string, RegExp, Planted])[] = [
    [
      'a later reader version',
      /reader version 2/,
      async () => [{ protocol: { minReaderVersion: 2, minWriterVersion: 5 } }],
    ],
    [
      'table features',
      /reader version 3/,
      async () => [
        {
          protocol: {
            minReaderVersion: 3,
            minWriterVersion: 7,
            readerFeatures: ['deletionVectors'],
            writerFeatures: [],
          },
        },
      ],
    ],
    [
      'a later writer version',
      /writer version 4/,
      async () => [{ protocol: { minReaderVersion: 1, minWriterVersion: 4 } }],
    ],
    [
      'column mapping',
      /column mapping/,
      async (lake) => [
        { metaData: { ...(await metaDataOf(lake)), configuration: { 'delta.columnMapping.mode': 'name' } } },
      ],
    ],
    [
      'a table that is only appended to',
      /delta\.appendOnly/,
      async (lake) => [{ metaData: { ...(await metaDataOf(lake)), configuration: { 'delta.appendOnly': 'true' } } }],
    ],
    [
      'other partitions',
      /not a table of wandb-audit: it has other partitions/,
      async (lake) => [{ metaData: { ...(await metaDataOf(lake)), partitionColumns: ['action'] } }],
    ],
    [
      'another type of a column',
      /another type of action/,
      async (lake) => {
        const metaData = await metaDataOf(lake)
        const schemaString = schemaWith(metaData.schemaString, (field) =>
          field.name === 'action' ? { ...field, type: 'long' } : field,
        )
        return [{ metaData: { ...metaData, schemaString } }]
      },
    ],
    [
      'a column of a newer version',
      /has a column renamed, which this version does not know/,
      async (lake) => {
        const metaData = await metaDataOf(lake)
        const schemaString = schemaWith(metaData.schemaString, (field) =>
          field.name === 'action' ? { ...field, name: 'renamed' } : field,
        )
        return [{ metaData: { ...metaData, schemaString } }]
      },
    ],
    [
      'an invariant',
      /delta\.invariants/,
      async (lake) => {
        const metaData = await metaDataOf(lake)
        const schemaString = schemaWith(metaData.schemaString, (field) =>
          field.name === 'action' ? { ...field, metadata: { 'delta.invariants': '{}' } } : field,
        )
        return [{ metaData: { ...metaData, schemaString } }]
      },
    ],
    [
      'a deletion vector',
      /deletion vectors/,
      async () => [{ add: { ...ADD, path: 'a.parquet', deletionVector: { storageType: 'u' } } }],
    ],
    ...[
      '../audit_rejects/a.parquet',
      'event_date=2026-10-01/%2e%2e/%2e%2e/a.parquet',
      '/etc/passwd',
      's3://other/a.parquet',
      'file:///etc/passwd',
      '_delta_log/00000000000000000000.json',
      'a%00.parquet',
      '%zz',
    ].map(
      (path) =>
        [`a path ${path}`, /a file outside the table's folder/, async () => [{ add: { ...ADD, path } }]] as const,
    ),
    [
      'a file without a day',
      /not a table of wandb-audit: it has a file without a day/,
      async () => [{ add: { ...ADD, path: 'a.parquet', partitionValues: { event_date: null } } }],
    ],
    ['a line that is no JSON', /damaged/, async () => ['{"add":']],
    ['an action with a part missing', /damaged/, async () => [{ add: { path: 'a.parquet' } }]],
    ['numbers that are texts', /damaged/, async () => [{ protocol: { minReaderVersion: '1', minWriterVersion: '2' } }]],
  ]

  it.each(refused)('with %s is refused, and nothing is changed', async (_what, message, planted) => {
    const lake = await loaded()
    await plant(lake, ...(await planted(lake)))
    const before = new Map(lake.objects)
    const sink = deltaIn(lake, never)
    await expect(loadInto(sink, { b: ndjson(EVENT, { ...EVENT, actor_user_id: 8 }) })).rejects.toThrow(message)
    expect(new Map(lake.objects)).toEqual(before)
    await sink.close()
  })

  it('with unknown actions and fields is followed', async () => {
    const lake = await loaded()
    await plant(lake, { newAction: { a: 1 } }, { commitInfo: { b: 2 } }, { domainMetadata: { domain: 'x' } }, '')
    const sink = deltaIn(lake, never)
    expect(countsOf(await loadInto(sink, { b: ndjson(EVENT, { ...EVENT, actor_user_id: 8 }) }))).toEqual([1, 0, 1, 0])
    expect(await eventsOf(sink)).toHaveLength(2)
    await sink.close()
  })

  it('with an event in the files of another day gives it to verify', async () => {
    const lake = await loaded()
    const { files } = await tablesIn(lake).current(AUDIT_EVENTS, never)
    const [add] = [...files.values()]
    const { bytes } = lake.objects.get(`audit_events/${add?.path}`) ?? {}
    await lake.store.write('audit_events/elsewhere.parquet', bytes ?? Buffer.of(), 'absent', never)
    await plant(lake, { add: { ...add, path: 'elsewhere.parquet', partitionValues: { event_date: '2026-10-02' } } })
    const sink = deltaIn(lake, never)
    const [event] = await eventsOf(sink)
    const found = await rowsOf(sink, sink.questions.proof.misplaced ?? '')
    expect(found).toEqual([{ what: 'event', day: '2026-10-01', id: event?.content_hash }])
    await sink.close()
  })

  it('with a commit missing in the middle is refused', async () => {
    const lake = await loaded()
    await lake.store.remove(`${LOG}00000000000000000000.json`, never)
    await expect(deltaIn(lake, never).prepare()).rejects.toThrow(/audit_events: this part of the log is damaged/)
  })

  it('with a file that is not there says so', async () => {
    const lake = await loaded()
    await plant(lake, { add: { ...ADD, path: 'event_date=2026-10-01/gone.parquet' } })
    const sink = deltaIn(lake, never)
    await expect(sink.query('SELECT * FROM audit_events')).rejects.toThrow(/a file that its log names is not there/)
    await expect(loadInto(sink, { b: ndjson(EVENT) })).rejects.toMatchObject({
      message: expect.stringContaining('a file that its log names is not there'),
      // Only loading into the same place would lose rows.
      advice: expect.stringContaining('load everything again into an empty place: the receipts here would skip'),
    })
    await sink.close()
  })

  it('with statistics that are none reads the file', async () => {
    const lake = await loaded()
    const { files } = await tablesIn(lake).current(AUDIT_EVENTS, never)
    const [add] = [...files.values()]
    for (const stats of [
      '',
      'no JSON',
      '[]',
      '{"minValues":{"timestamp":7},"maxValues":{"timestamp":"yesterday"}}',
      null,
    ]) {
      const copy = memoryLake(lake.objects)
      await plant(copy, { add: { ...add, stats } })
      const sink = deltaIn(copy, never)
      expect(countsOf(await loadInto(sink, { b: ndjson(EVENT) }))).toEqual([0, 0, 1, 0])
      await sink.close()
    }
  })

  it('with statistics cut off at the millisecond, as other writers do, finds the event', async () => {
    const lake = memoryLake()
    const sink = deltaIn(lake, never)
    const event = { ...EVENT, timestamp: '2026-10-01T12:34:56.123999Z' }
    await loadInto(sink, { a: ndjson(event) })
    const { files } = await tablesIn(lake).current(AUDIT_EVENTS, never)
    const [add] = [...files.values()]
    const instant = '2026-10-01T12:34:56.123Z'
    const stats = JSON.stringify({
      numRecords: 1,
      minValues: { timestamp: instant },
      maxValues: { timestamp: instant },
    })
    await plant(lake, { add: { ...add, stats } })
    expect(countsOf(await loadInto(sink, { b: ndjson(event) }))).toEqual([0, 0, 1, 0])
    await sink.close()
  })
})

const FINDING = {
  finding_key: 'f'.repeat(64),
  detection: 'new_network',
  severity: 'low',
  started_at: new Date('2026-10-01T00:00:00Z'),
}

describe('a table that is not there', () => {
  const without = (lake: MemoryLake, prefix: string): MemoryLake =>
    memoryLake(new Map([...lake.objects].filter(([key]) => !key.startsWith(prefix))))

  it('is not begun without its metadata, and the next load makes it', async () => {
    const lake = without(await loaded(), 'audit_findings/')
    const sink = deltaIn(lake, never)
    await expect(sink.report?.([FINDING])).rejects.toMatchObject({
      message: expect.stringContaining('there is no table audit_findings'),
      advice: 'Load with this version once, which creates it.',
    })
    await expect(sink.query('SELECT * FROM audit_findings')).rejects.toThrow('there is no table audit_findings')
    expect([...lake.objects.keys()].filter((key) => key.startsWith('audit_findings/'))).toEqual([])
    await sink.prepare()
    await sink.report?.([FINDING])
    const { version, files } = await tablesIn(lake).current(AUDIT_FINDINGS, never)
    expect([version, files.size]).toEqual([1, 1])
    await sink.close()
  })

  it('of an older version leaves what is read before each load readable', async () => {
    const lake = without(await loaded(), 'audit_privacy/')
    const sink = deltaIn(lake, never)
    expect(await sink.remembered?.()).toMatchObject({ records: [], hasLoads: true })
    await sink.close()
  })

  it('but has a commit without metadata is named, with what to remove', async () => {
    const lake = without(await loaded(), 'audit_findings/')
    const log = 'audit_findings/_delta_log/00000000000000000000.json'
    await lake.store.write(log, Buffer.from('{"commitInfo":{}}\n'), 'absent', never)
    await expect(deltaIn(lake, never).prepare()).rejects.toMatchObject({
      message: expect.stringContaining('audit_findings: its log has no metadata'),
      advice: 'Remove the folder audit_findings: the next load makes it again.',
    })
  })
})

describe('a log that somebody else writes to while a load is on its way', () => {
  /** Plants the actions just before the load's own commit of audit_events. */
  async function meeting(planted: (lake: MemoryLake) => Promise<readonly object[]>) {
    const lake = await loaded()
    let isFirst = true
    const store = changingThrough(lake.store, async (change, key) => {
      if (isFirst && key.startsWith(LOG)) {
        isFirst = false
        await plant(lake, ...(await planted(lake)))
      }
      return change()
    })
    return { lake, sink: deltaIn({ ...lake, store }, never) }
  }
  const commits = ({ objects }: MemoryLake): number => [...objects.keys()].filter((key) => key.startsWith(LOG)).length

  it('gets no file of the load once it has other partitions', async () => {
    const { lake, sink } = await meeting(async (there) => [
      { metaData: { ...(await metaDataOf(there)), partitionColumns: ['action'] } },
    ])
    const later = ndjson({ ...EVENT, timestamp: '2026-10-02T00:00:00Z' })
    await expect(loadInto(sink, { b: later })).rejects.toThrow(/other partitions/)
    expect(commits(lake)).toBe(3)
    await sink.close()
  })

  it('gets no commit of a load whose counts no longer add up', async () => {
    const { lake, sink } = await meeting(async (there) => {
      const { files } = await tablesIn(there).current(AUDIT_EVENTS, never)
      const [add] = [...files.values()]
      const path = 'event_date=2026-10-01/twice.parquet'
      const bytes = there.objects.get(`audit_events/${add?.path}`)?.bytes ?? Buffer.of()
      await there.store.write(`audit_events/${path}`, bytes, 'absent', never)
      return [{ add: { ...add, path } }]
    })
    const named = documentOf('b', ndjson({ ...EVENT, project_name: 'baseline' }))
    const batch = await batchOf(await sharedEngine(), [named])
    await expect(sink.load(batch, never)).rejects.toThrow(/are accounted for .* nothing is loaded/)
    expect(commits(lake)).toBe(3)
    await sink.close()
  })
})
