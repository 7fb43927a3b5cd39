/**
 * The actions of a Delta log, and what of them this version can follow: reader version 1, writer version 2.
 * https://github.com/delta-io/delta/blob/master/PROTOCOL.md#actions
 */

import { z } from 'zod'
import { AUDIT_ACTIONS, AUDIT_FINDINGS, type Table } from '../../schemas/tables.js'
import { AuditError, printable } from '../../src/errors.js'

const count = z.number().int().nonnegative()
const texts = z.record(z.string(), z.string().nullable())

const add = z.object({
  path: z.string(),
  partitionValues: texts,
  size: count,
  modificationTime: z.number(),
  dataChange: z.boolean(),
  stats: z.string().nullish(),
  deletionVector: z.unknown().optional(),
})
const remove = z.object({
  path: z.string(),
  deletionTimestamp: z.number().nullish(),
  dataChange: z.boolean(),
  partitionValues: texts.nullish(),
  size: count.nullish(),
  deletionVector: z.unknown().optional(),
})
const metaData = z.object({
  id: z.string(),
  name: z.string().nullish(),
  description: z.string().nullish(),
  format: z.object({ provider: z.string(), options: texts.nullish() }),
  schemaString: z.string(),
  partitionColumns: z.array(z.string()),
  createdTime: z.number().nullish(),
  configuration: texts.nullish(),
})
const protocol = z.object({
  minReaderVersion: z.number().int(),
  minWriterVersion: z.number().int(),
  readerFeatures: z.array(z.string()).nullish(),
  writerFeatures: z.array(z.string()).nullish(),
})
const txn = z.object({ appId: z.string(), version: z.number().int(), lastUpdated: z.number().nullish() })

/** Readers must ignore actions and fields that they do not know. */
const action = z.object({
  add: add.nullish(),
  remove: remove.nullish(),
  metaData: metaData.nullish(),
  protocol: protocol.nullish(),
  txn: txn.nullish(),
})

export type Add = Omit<z.infer<typeof add>, 'deletionVector'>
export type Remove = Omit<z.infer<typeof remove>, 'deletionVector'>
export type MetaData = z.infer<typeof metaData>
export type Protocol = z.infer<typeof protocol>
export type Txn = z.infer<typeof txn>

/** One line of a commit, or one row of a checkpoint. */
export interface Action {
  readonly add?: Add | null | undefined
  readonly remove?: Remove | null | undefined
  readonly metaData?: MetaData | null | undefined
  readonly protocol?: Protocol | null | undefined
  readonly txn?: Txn | null | undefined
  readonly commitInfo?: object
}

/**
 * The actions of a commit or a checkpoint.
 *
 * @param who   the sink and the file of the log, for errors
 * @param lines JSON, one action each
 * @throws AuditError for what is no action, and for a file of rows that this version could not read correctly
 */
export function parsedActions(who: string, lines: Iterable<string>): Action[] {
  const actions = []
  for (const line of lines) {
    if (line.trim() === '') continue
    const parsed = action.safeParse(jsonOf(line))
    if (!parsed.success) throw damagedLog(who)
    const { add, remove } = parsed.data
    for (const file of [add, remove]) {
      if (file?.deletionVector !== undefined && file.deletionVector !== null)
        throw unknownFeature(who, 'deletion vectors')
      if (file !== undefined && file !== null) keyIn(who, file.path)
    }
    actions.push(parsed.data)
  }
  return actions
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/**
 * The key of a data file, relative to its table. Paths in a log are URIs.
 *
 * @throws AuditError when it is not inside the table
 */
export function keyIn(who: string, path: string): string {
  let key = path
  try {
    key = decodeURIComponent(path)
  } catch {
    throw outsideTable(who, path)
  }
  const isInside = !/^[a-z][a-z0-9+.-]*:/i.test(path) && !key.includes('\0') && !key.includes('\\')
  if (!isInside || key.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw outsideTable(who, path)
  if (key.startsWith('_')) throw outsideTable(who, path)
  return key
}

const outsideTable = (who: string, path: string): AuditError =>
  new AuditError(`${who}: its log names a file outside the table's folder, ${printable(path)}; nothing is changed`, {
    advice:
      "This version reads tables whose files are all in their own folder. A shallow clone's are not: make a full copy.",
    outside: true,
  })

/** What to do when part of a table is lost. Loads make these tables again; rows of the others are not loaded twice. */
export const lossAdvice = (table: Table): string =>
  table === AUDIT_ACTIONS || table === AUDIT_FINDINGS
    ? `Remove the folder ${table.name}: the next load makes it again.`
    : 'Restore it from a backup or an earlier object version. Without one, load everything again into an empty place: the receipts here would skip what is loaded.'

export const damagedLog = (who: string): AuditError =>
  new AuditError(`${who}: this part of the log is damaged; nothing is changed`, {
    advice:
      'Restore it from a backup or an earlier object version; without one, load everything again into an empty place.',
    outside: true,
  })

/** For tables that other tools changed so that this version could read or write them wrongly. */
export const unknownFeature = (who: string, feature: string): AuditError =>
  new AuditError(`${who}: the table uses ${printable(feature)}, which this version does not know; nothing is changed`, {
    advice: 'Turn it off with the tool that turned it on, or load into another place: docs/delta.md.',
    outside: true,
  })
