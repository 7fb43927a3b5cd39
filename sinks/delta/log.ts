/** The log of a table: reads its newest version, and adds the next one. */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Table } from '../../schemas/tables.js'
import { tidied } from '../../src/cleanup.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { damagedFile, readsNonsense } from '../../src/duckdb/errors.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { AuditError } from '../../src/errors.js'
import type { StoredObject } from '../../src/stores/contract.js'
import { contentOf, type Lake } from '../shared/lake.js'
import { asPattern } from '../shared/parquet-rows.js'
import { type Action, damagedLog, parsedActions } from './actions.js'
import { advanced, NOTHING_YET, type Snapshot } from './snapshot.js'

/** Concurrent requests. */
const READS = 8

export const logOf = (lake: Lake, table: Table): string => `${lake.prefix}${table.name}/_delta_log/`
export const LAST_CHECKPOINT = '_last_checkpoint'

const padded = (version: number): string => String(version).padStart(20, '0')
export const commitName = (version: number): string => `${padded(version)}.json`
export const checkpointName = (version: number): string => `${padded(version)}.checkpoint.parquet`

interface Listed {
  readonly commits: ReadonlyMap<number, StoredObject>
  /** Whole ones: the objects of each, in order. */
  readonly checkpoints: ReadonlyMap<number, readonly StoredObject[]>
}

const COMMIT = /^(\d{20})\.json$/
const CHECKPOINT = /^(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet$/

/** @param from a version: earlier ones may be left out */
export async function listLog(lake: Lake, table: Table, from: number, signal: AbortSignal): Promise<Listed> {
  const folder = logOf(lake, table)
  const commits = new Map<number, StoredObject>()
  const parts = new Map<
    string,
    { readonly version: number; readonly count: number; readonly objects: StoredObject[] }
  >()
  for await (const object of lake.store.list(folder, signal, from > 0 ? `${folder}${padded(from)}` : undefined)) {
    const name = object.key.slice(folder.length)
    const [, number] = COMMIT.exec(name) ?? []
    if (number !== undefined) commits.set(Number(number), object)
    const [, version, , count = '1'] = CHECKPOINT.exec(name) ?? []
    if (version === undefined) continue
    const group = parts.get(`${version} ${count}`) ?? { version: Number(version), count: Number(count), objects: [] }
    group.objects.push(object)
    parts.set(`${version} ${count}`, group)
  }
  const whole = [...parts.values()].filter(({ count, objects }) => objects.length === count)
  return { commits, checkpoints: new Map(whole.map(({ version, objects }) => [version, objects])) }
}

const lastCheckpoint = z.object({ version: z.number().int().nonnegative() })

/** A hint only: without it, or when it is wrong, the whole log is listed. */
async function hintOf(lake: Lake, table: Table, signal: AbortSignal): Promise<number> {
  if (lake.store.listsInOrder !== true) return -1
  const object = await lake.store.find(logOf(lake, table) + LAST_CHECKPOINT, signal)
  const content = object === null ? null : await contentOf(lake.store, object, signal)
  try {
    return lastCheckpoint.parse(JSON.parse(String(content))).version
  } catch {
    return -1
  }
}

/**
 * The newest version of a table.
 *
 * @param folder for local copies
 * @throws AuditError when the log is damaged, or has something that this version could not read correctly
 */
export async function readSnapshot(lake: Lake, table: Table, folder: string, signal: AbortSignal): Promise<Snapshot> {
  const who = `${lake.id}: ${table.name}`
  const hint = await hintOf(lake, table, signal)
  let listed = await listLog(lake, table, hint, signal)
  if (hint >= 0 && !listed.checkpoints.has(hint)) listed = await listLog(lake, table, 0, signal)
  const checkpoint = Math.max(-1, ...listed.checkpoints.keys())
  let snapshot: Snapshot = { ...NOTHING_YET, version: checkpoint - 1, checkpoint }
  const parts = listed.checkpoints.get(checkpoint)
  if (parts === undefined) snapshot = { ...snapshot, version: -1 }
  else snapshot = advanced(who, snapshot, [await readCheckpoint(lake, parts, folder, signal)])
  const following = []
  for (let next = checkpoint + 1; listed.commits.has(next); next++) following.push(listed.commits.get(next))
  for (let at = 0; at < following.length; at += READS) {
    const commits = following.slice(at, at + READS).map((object) => readCommit(lake, object, signal))
    snapshot = advanced(who, snapshot, await Promise.all(commits))
  }
  const newest = Math.max(-1, ...listed.commits.keys())
  if (newest <= snapshot.version) return snapshot
  // A listing in several pages may lack a commit that came while it was read.
  const further = (await readOn(lake, table, snapshot, signal)).snapshot
  if (newest > further.version) throw damagedLog(who)
  return further
}

/** The snapshot with the commits since, and those commits. */
export async function readOn(
  lake: Lake,
  table: Table,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<{ readonly snapshot: Snapshot; readonly commits: readonly (readonly Action[])[] }> {
  const commits: Action[][] = []
  for (;;) {
    const key = logOf(lake, table) + commitName(snapshot.version + 1 + commits.length)
    const object = await lake.store.find(key, signal)
    if (object === null) return { snapshot: advanced(`${lake.id}: ${table.name}`, snapshot, commits), commits }
    commits.push(await readCommit(lake, object, signal))
  }
}

/**
 * Adds a version.
 *
 * @returns false, with nothing written, when there is one with this number already
 */
export async function writeCommit(
  lake: Lake,
  table: Table,
  version: number,
  actions: readonly Action[],
  signal: AbortSignal,
): Promise<boolean> {
  const lines = actions.map((action) => `${JSON.stringify(action)}\n`).join('')
  const key = logOf(lake, table) + commitName(version)
  return (await lake.store.write(key, Buffer.from(lines), 'absent', signal)) !== null
}

async function readCommit(lake: Lake, object: StoredObject | undefined, signal: AbortSignal): Promise<Action[]> {
  const content = object === undefined ? null : await contentOf(lake.store, object, signal)
  if (object === undefined || content === null) throw goneFromLog(lake)
  return parsedActions(`${lake.id}: ${object.key.slice(lake.prefix.length)}`, String(content).split('\n'))
}

async function readCheckpoint(
  lake: Lake,
  parts: readonly StoredObject[],
  folder: string,
  signal: AbortSignal,
): Promise<Action[]> {
  const actions = []
  for (const part of parts) {
    const name = part.key.slice(lake.prefix.length)
    const copy = join(folder, `${randomUUID()}.parquet`)
    if (!(await lake.fetch(part, copy, signal))) throw goneFromLog(lake)
    const sql = `SELECT CAST(to_json(t) AS VARCHAR) FROM read_parquet(${quotedString(asPattern(copy))}) t`
    const rows = await tidied(
      () => withConnection(async (connection) => (await connection.runAndReadAll(sql)).getRows()),
      () => rm(copy, { force: true }),
    ).catch((error: unknown) => {
      throw readsNonsense(error) ? damagedFile(lake.id, name) : error
    })
    const lines = rows.map(([line]) => String(line))
    actions.push(...parsedActions(`${lake.id}: ${name}`, lines))
  }
  return actions
}

const goneFromLog = (lake: Lake): AuditError =>
  new AuditError(`${lake.id}: a file of the log was removed while it was read`, {
    advice: 'Another program is cleaning up: run this again.',
    retryable: true,
    outside: true,
  })
