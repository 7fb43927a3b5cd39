/** What others put into the log of a Delta table is followed as far as the protocol goes, and otherwise refused with nothing changed. */

import { describe, expect, it } from 'vitest'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import { deltaIn } from '../../sinks/delta/index.js'
import { tablesIn } from '../../sinks/delta/tables.js'
import { countsOf, loadInto, ndjson, never } from '../support/load.js'
import { type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { eventsOf } from '../support/rows.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: 7 }
const LOG = 'audit_events/_delta_log/'

async function loaded(): Promise<MemoryLake> {
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
    ].map((path) => [`a path ${path}`, /a file outside the table/, async () => [{ add: { ...ADD, path } }]] as const),
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
    await expect(loadInto(sink, { b: ndjson(EVENT) })).rejects.toThrow(/a file that its log names is not there/)
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
