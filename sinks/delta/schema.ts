/** Our tables as Delta tables: schema, partitions, metadata; and which tables of others are taken for ours. */

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { AUDIT_EVENTS, type FieldType, type Table } from '../../schemas/tables.js'
import { AuditError, printable } from '../../src/errors.js'
import { unknownColumn } from '../shared/layout.js'
import { damagedLog, lossAdvice, type MetaData, type Protocol, unknownFeature } from './actions.js'
import type { Snapshot } from './snapshot.js'

export const PROTOCOL: Protocol = { minReaderVersion: 1, minWriterVersion: 2 }

/** The UTC day of an event. Readers take it from the log, files do not have it. */
export const PARTITION = 'event_date'

/** Type names in a schema string: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#primitive-types */
const TYPES: Readonly<Record<FieldType, string>> = {
  text: 'string',
  json: 'string',
  integer: 'integer',
  bigint: 'long',
  boolean: 'boolean',
  timestamp: 'timestamp',
}

export const partitionsOf = (table: Table): readonly string[] => (table === AUDIT_EVENTS ? [PARTITION] : [])

interface Field {
  readonly name: string
  readonly type?: unknown
  readonly nullable: boolean
  readonly metadata: Readonly<Record<string, unknown>>
}

const schema = z.object({
  type: z.literal('struct'),
  fields: z.array(
    z.object({
      name: z.string(),
      type: z.unknown().optional(),
      nullable: z.boolean(),
      metadata: z.record(z.string(), z.unknown()).default({}),
    }),
  ),
})

const fieldsOf = (table: Table): Field[] => [
  ...table.columns.map(({ name, type, meaning }) => ({
    name,
    type: TYPES[type],
    nullable: true,
    metadata: { comment: meaning },
  })),
  ...partitionsOf(table).map((name) => ({ name, type: 'date', nullable: true, metadata: {} })),
]

const schemaOf = (fields: readonly Field[]): string => JSON.stringify({ type: 'struct', fields })

export const newMetaData = (table: Table): MetaData => ({
  id: randomUUID(),
  name: table.name,
  description: table.meaning,
  format: { provider: 'parquet', options: {} },
  schemaString: schemaOf(fieldsOf(table)),
  partitionColumns: [...partitionsOf(table)],
  createdTime: Date.now(),
  configuration: { 'delta.setTransactionRetentionDuration': 'interval 7 days' },
})

/** @throws AuditError when this version may not read and write the table. One that is not there is left to the caller. */
export function requireOurs(id: string, table: Table, snapshot: Snapshot): void {
  requireReadable(id, table, snapshot)
  requireWritable(id, table, snapshot)
}

/** @throws AuditError when rows of the table cannot be read as ours */
export function requireReadable(id: string, table: Table, { version, protocol, metaData, files }: Snapshot): void {
  if (version < 0) return
  const who = `${id}: ${table.name}`
  if (protocol === null || metaData === null)
    throw new AuditError(`${who}: its log has no metadata; nothing is changed`, {
      advice: lossAdvice(table),
      outside: true,
    })
  if (protocol.minReaderVersion !== 1) throw unknownFeature(who, `reader version ${protocol.minReaderVersion}`)
  if (metaData.format.provider !== 'parquet')
    throw unknownFeature(who, `files of the format ${metaData.format.provider}`)
  const mapping = metaData.configuration?.['delta.columnMapping.mode'] ?? 'none'
  if (mapping !== 'none') throw unknownFeature(who, 'column mapping')
  const expected = partitionsOf(table)
  if (metaData.partitionColumns.join() !== expected.join()) throw foreign(who, 'other partitions')
  const fields = new Map(fieldsOfLog(who, metaData).map((field) => [field.name, field]))
  for (const { name, type } of fieldsOf(table)) {
    const theirs = fields.get(name)
    if (theirs !== undefined && theirs.type !== type) throw foreign(who, `another type of ${name}`)
  }
  // Questions about days would pass over its rows.
  for (const { partitionValues } of expected.length === 0 ? [] : files.values())
    if (!DAY.test(partitionValues[PARTITION] ?? '')) throw foreign(who, 'a file without a day')
}

const DAY = /^\d{4}-\d\d-\d\d$/

function requireWritable(id: string, table: Table, { protocol, metaData }: Snapshot): void {
  if (protocol === null || metaData === null) return
  const who = `${id}: ${table.name}`
  if (protocol.minWriterVersion > 2) throw unknownFeature(who, `writer version ${protocol.minWriterVersion}`)
  if (metaData.configuration?.['delta.appendOnly'] === 'true') throw unknownFeature(who, 'delta.appendOnly')
  const known = new Set(fieldsOf(table).map(({ name }) => name))
  for (const { name, nullable, metadata } of fieldsOfLog(who, metaData)) {
    if (!known.has(name)) throw unknownColumn(id, table.name, name)
    const rule = Object.keys(metadata).find((key) => key.startsWith('delta.'))
    if (rule !== undefined || !nullable) throw unknownFeature(who, rule ?? `a column ${name} that is never null`)
  }
}

/** The metadata with the columns that an older version did not know; null when it has them all. */
export function withMissingColumns(who: string, table: Table, metaData: MetaData): MetaData | null {
  const fields = fieldsOfLog(who, metaData)
  const missing = fieldsOf(table).filter(({ name }) => !fields.some((field) => field.name === name))
  return missing.length === 0 ? null : { ...metaData, schemaString: schemaOf([...fields, ...missing]) }
}

function fieldsOfLog(who: string, { schemaString }: MetaData): readonly Field[] {
  try {
    return schema.parse(JSON.parse(schemaString)).fields
  } catch {
    throw damagedLog(who)
  }
}

const foreign = (who: string, what: string): AuditError =>
  new AuditError(`${who}: this is not a table of wandb-audit: it has ${printable(what)}; nothing is changed`, {
    advice: 'Name another place with --to.',
    outside: true,
  })
