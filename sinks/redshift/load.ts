/** Loads a batch: writes files to the staging place, runs one transaction, and reads its counts. */

import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { Batch, LoadCounts } from '../../src/contract.js'
import { AuditError, interrupted, printable } from '../../src/errors.js'
import { NEVER_ABORTED, retrying } from '../../src/retry.js'
import type { ObjectStore } from '../../src/stores/contract.js'
import type { RedshiftAddress } from './address.js'
import type { DataApi } from './data-api.js'
import { isUnsure } from './failures.js'
import { loadStatements, type StagedObject, selectCounts } from './merge.js'
import { literal, type Namespace } from './namespace.js'
import { rangesOf } from './ranges.js'
import { queryResult } from './result.js'
import { writeFiles } from './stage.js'
import type { Turn } from './turn.js'

/** About twenty seconds in all: a quota of statements or sessions becomes free when others end. */
const RETRIES = 5

export interface Staging {
  readonly store: ObjectStore
  readonly prefix: string
  /** Collects the keys of objects that may exist, for `removeAll`. */
  readonly keys: string[]
}

/** Writes the batch's files to `<prefix>/<load_id>/<table>/`, each under a key of its own. */
export async function upload(
  batch: Batch,
  id: string,
  { store, prefix, keys }: Staging,
  signal: AbortSignal,
): Promise<StagedObject[]> {
  const folder = [prefix.replace(/\/+$/, ''), batch.loadId].filter((part) => part !== '').join('/')
  const objects: StagedObject[] = []
  for (const { table, paths } of await writeFiles(id, batch)) {
    for (const [n, file] of paths.entries()) {
      const key = `${folder}/${table.name}/${n}.parquet`
      keys.push(key)
      await store.write(key, { file }, 'any', signal)
      await rm(file)
    }
    objects.push({ table, address: `${store.id}/${folder}/${table.name}/` })
  }
  return objects
}

/** The bucket's lifecycle rule removes what cannot be removed now. */
export async function removeAll(store: ObjectStore, keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.remove(key, NEVER_ABORTED).catch(() => {})
}

/**
 * If an answer is lost, asks again with the same token; if a statement fails or vanishes, tries again with a new token.
 *
 * @returns the counts in audit_loads, whichever attempt was committed
 */
export async function commit(
  batch: Batch,
  objects: readonly StagedObject[],
  { id, place, iamRole }: RedshiftAddress,
  api: DataApi,
  turn: Turn,
): Promise<LoadCounts> {
  const { signal, onRunning } = turn
  const ranges = await rangesOf(id, batch)
  const sqls = loadStatements(batch, { place, iamRole, objects, ranges, finishedAt: new Date() })
  let attempt = 1
  let mayRun = false
  const statement = await retrying(
    async () => {
      // A statement whose answer was lost must be found first, to be cancelled or reported as committed.
      if (signal.aborted && !mayRun) throw interrupted()
      const token = createHash('sha256')
        .update(JSON.stringify([attempt, ...sqls]))
        .digest('hex')
      mayRun = true
      const outcome = await api.run({ sqls, what: 'loading', token, onRunning, signal })
      mayRun = false
      if ('done' in outcome) return outcome.done
      attempt++
      if (turn.timeout !== null) throw turn.timeout
      if (isUnsure(outcome.failed)) {
        const found = await committed(batch.loadId, place, api)
        if (found !== null) return found
      }
      throw await explained(outcome.failed, batch.loadId, api, signal)
    },
    NEVER_ABORTED,
    RETRIES,
  )
  if (typeof statement !== 'string') return statement
  const counts = await countsIn(statement, sqls.length, api)
  if (counts !== null) return counts
  throw new AuditError(`${id}: the load ${batch.loadId} was committed without its row in audit_loads`, {
    outside: true,
  })
}

function countsIn(statement: string, n: number, api: DataApi): Promise<LoadCounts | null> {
  return retrying(async () => {
    for await (const row of queryResult(await api.result(statement, n)).rows) {
      const [read = 0, inserted = 0, enriched = 0, unchanged = 0, rejected = 0, conflicts = 0] = row.map(Number)
      return { read, inserted, enriched, unchanged, rejected, conflicts }
    }
    return null
  }, NEVER_ABORTED)
}

/** The counts of a load whose outcome is unknown; null if it was not committed. */
async function committed(loadId: string, place: Namespace, api: DataApi): Promise<LoadCounts | null> {
  const sqls = [selectCounts(place, loadId)]
  const statement = await retrying(
    () => api.must({ sqls, what: 'looking for the load', signal: NEVER_ABORTED }),
    NEVER_ABORTED,
  )
  return countsIn(statement, 1, api)
}

/**
 * What Redshift recorded about a failed COPY, without the values.
 * https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
 */
async function explained(failure: AuditError, loadId: string, api: DataApi, signal: AbortSignal): Promise<AuditError> {
  if (!/load_error/.test(`${failure.message} ${failure.advice}`)) return failure
  const sql = `SELECT TRIM(column_name) AS name, TRIM(error_message) AS error FROM sys_load_error_detail
WHERE file_name LIKE ${literal(`%/${loadId}/%`)} ORDER BY start_time DESC LIMIT 1`
  try {
    const statement = await api.must({ sqls: [sql], what: 'explaining', signal })
    for await (const [column, error] of queryResult(await api.result(statement, 1)).rows) {
      const text = String(error).replace(/(["']).*?\1|:.*$/g, '…')
      const { advice, retryable } = failure
      const message = `${failure.message} (column ${printable(String(column))}: ${printable(text)})`
      return new AuditError(message, { retryable, ...(advice === undefined ? {} : { advice }) })
    }
  } catch {
    // The failure itself matters more.
  }
  return failure
}
