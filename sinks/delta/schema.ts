/** Our tables as Delta tables: schema, partitions, metadata; and which tables of others are taken for ours. */

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { AUDIT_EVENTS, type FieldType, type Table } from '../../schemas/tables.js'
import { AuditError, printable } from '../../src/errors.js'
import { unknownColumn } from '../shared/layout.js'
import { damagedLog, type MetaData, type Protocol, unknownFeature } from './actions.js'

export const PROTOCOL: Protocol = { minReaderVersion: 1, minWriterVersion: 2 }

/** The UTC day of an event. Readers take it from the log, files do not have it. */
export const PARTITION = 'event_date'

/** Text of the property and of others' schemas: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#primitive-types */
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

/** @throws AuditError when rows of the table cannot be read as ours */
export function requireReadable(who: string, table: Table, protocol: Protocol, metaData: MetaData): void {
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
}

/** @throws AuditError when this version may not write to the table */
export function requireWritable(who: string, id: string, table: Table, protocol: Protocol, metaData: MetaData): void {
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
