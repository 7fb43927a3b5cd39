/** The Redshift sink: Parquet through S3, and one transaction of the Data API for each batch. */

import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { AUDIT_DOCUMENTS } from '../../schemas/tables.js'
import type { Batch, LoadCounts, QueryResult, Sink, Value } from '../../src/contract.js'
import { AuditError, interrupted } from '../../src/errors.js'
import { retrying } from '../../src/retry.js'
import { type OpenedStore, openStore } from '../../src/stores/index.js'
import { questions } from '../shared/questions.js'
import { parseRedshiftAddress, type RedshiftAddress } from './address.js'
import { type DataApi, dataApi } from './data-api.js'
import { keysOf, loadStatements, type StagedObject } from './merge.js'
import { literal, quote, tableOf } from './place.js'
import {
  actionStatements,
  actionsDiffer,
  type Catalogue,
  catalogueStatements,
  missingStatements,
  selectActions,
} from './prepare.js'
import { rawRejects } from './raw-rejects.js'
import { queryResult } from './result.js'
import { writeFiles } from './stage.js'
import { utcDay } from './views.js'

/** https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html#data-api-calling-considerations */
const STATEMENTS_A_BATCH = 40

/** What nobody stops: preparing and cleaning up. */
const never = new AbortController().signal

/** @throws AuditError, exit code 2, when the address is none of Redshift's */
export function redshiftSink(address: string): Sink {
  const at = parseRedshiftAddress(address)
  const { id, place } = at
  const api = dataApi(at)
  let opened: Promise<OpenedStore> | undefined
  const staging = (): Promise<OpenedStore> => {
    opened ??= openStaging(at)
    return opened
  }

  async function ask(sql: string, what: string, parameters?: Record<string, string>): Promise<QueryResult> {
    const values = Object.entries(parameters ?? {}).map(([name, value]) => ({ name, value }))
    const sqls = [sql]
    const statement = await api.must({
      sqls,
      what,
      signal: never,
      ...(values.length === 0 ? {} : { parameters: values }),
    })
    return queryResult(await api.result(statement, 1))
  }

  return {
    id,

    // Where two prepare at once, one of them may fail of what the other made; it looks again.
    prepare: () => retrying(() => prepare(at, api), never),

    async receipts(source) {
      const sql = `
        SELECT document, document_version FROM (
          SELECT document, document_version, ROW_NUMBER() OVER (PARTITION BY document ORDER BY loaded_at DESC) AS newest
          FROM ${tableOf(place, AUDIT_DOCUMENTS)} WHERE source = :source
        ) AS receipts WHERE newest = 1`
      try {
        const { rows } = await retrying(() => ask(sql, 'reading receipts', { source }), never)
        const receipts = new Map<string, string>()
        for await (const [document, version] of rows) receipts.set(String(document), String(version))
        return receipts
      } catch (error) {
        if (error instanceof AuditError && /does not exist/.test(error.message)) return new Map()
        throw error
      }
    },

    async load(batch, signal) {
      if (signal.aborted) throw interrupted()
      const store = await staging()
      const stop = (): void => batch.engine.interrupt()
      signal.addEventListener('abort', stop, { once: true })
      const keys: string[] = []
      try {
        const objects = await upload(batch, store, keys, at, signal)
        return await commit(batch, objects, at, api, signal)
      } catch (error) {
        throw signal.aborted ? interrupted() : error
      } finally {
        signal.removeEventListener('abort', stop)
        // What cannot be removed now, the bucket's lifecycle rule removes.
        for (const key of keys) await store.store.remove(key, never).catch(() => {})
      }
    },

    async query(sql) {
      const what = 'the query'
      const statement = await api.must({ sqls: readOnly(sql, place.schema), what, signal: never })
      return queryResult(await api.result(statement, 4))
    },

    questions: {
      ...questions({ table: (name) => tableOf(place, { name }), column: quote, utcDay, keys: keysOf }),
      rawRejects: rawRejects(place),
    },

    async close() {
      api.close()
      if (opened !== undefined) await opened.then(({ store }) => store.close()).catch(() => {})
    },
  }
}

async function openStaging({ id, staging }: RedshiftAddress): Promise<OpenedStore> {
  if (staging !== null) return await openStore(staging)
  throw new AuditError(`${id}: loading needs a place in S3 for files on their way`, {
    advice: 'Add ?staging=s3://bucket/prefix to its address.',
  })
}

/**
 * Redshift's own parser says whether the text is one SELECT: nothing else can stand in brackets after FROM. When it
 * is not, the transaction ends before the text itself is run.
 */
function readOnly(sql: string, schema: string): string[] {
  const asked = sql.replace(/[;\s]+$/, '')
  return [
    `SET search_path TO ${quote(schema)}`,
    "SET timezone TO 'UTC'",
    `EXPLAIN SELECT 1 FROM (\n${asked}\n) AS asked`,
    asked,
  ]
}

async function prepare({ place }: RedshiftAddress, api: DataApi): Promise<void> {
  const what = 'preparing the tables'
  const run = (sqls: readonly string[]): Promise<string> => api.must({ sqls, what, signal: never })
  const valuesOf = async (statement: string, n: number): Promise<(readonly Value[])[]> => {
    const values = []
    for await (const row of queryResult(await api.result(statement, n)).rows) values.push(row)
    return values
  }
  const looked = await run(catalogueStatements(place))
  const there: Catalogue = {
    columns: new Set((await valuesOf(looked, 1)).map(([table, column]) => `${table}.${column}`)),
    views: new Set((await valuesOf(looked, 2)).map(([name]) => String(name))),
    schemas: new Set((await valuesOf(looked, 3)).map(([name]) => String(name))),
  }
  const missing = missingStatements(place, there)
  for (let at = 0; at < missing.length; at += STATEMENTS_A_BATCH) await run(missing.slice(at, at + STATEMENTS_A_BATCH))
  if (actionsDiffer(await valuesOf(await run([selectActions(place)]), 1))) await run(actionStatements(place))
}

async function upload(
  batch: Batch,
  { store, prefix }: OpenedStore,
  keys: string[],
  { id }: RedshiftAddress,
  signal: AbortSignal,
): Promise<StagedObject[]> {
  const objects: StagedObject[] = []
  for (const { table, path } of await writeFiles(id, batch)) {
    const key = [...(prefix === '' ? [] : [prefix]), batch.loadId, `${table.name}.parquet`].join('/')
    keys.push(key)
    await store.write(key, { file: path }, 'any', signal)
    await rm(path)
    objects.push({ table, address: `${store.id}/${key}` })
  }
  return objects
}

/** A lost answer is asked for again under the same token; a statement that failed or vanished is tried anew under the next. */
async function commit(
  batch: Batch,
  objects: readonly StagedObject[],
  { place, iamRole }: RedshiftAddress,
  api: DataApi,
  signal: AbortSignal,
): Promise<LoadCounts> {
  const sqls = loadStatements(batch, { place, iamRole, objects, finishedAt: new Date() })
  let attempt = 1
  const statement = await retrying(async () => {
    const token = createHash('sha256')
      .update(JSON.stringify([attempt, ...sqls]))
      .digest('hex')
    const outcome = await api.run({ sqls, what: 'loading', token, signal })
    if ('finished' in outcome) return outcome.finished
    attempt++
    throw outcome.failed
  }, never)
  const [counts] = await countsOf(api, statement, sqls.length)
  if (counts !== undefined) return counts
  throw new AuditError(`the load ${literal(batch.loadId)} was committed, and its counts cannot be read`)
}

async function countsOf(api: DataApi, statement: string, n: number): Promise<LoadCounts[]> {
  const all = []
  const { rows } = await retrying(async () => queryResult(await api.result(statement, n)), never)
  for await (const row of rows) {
    const [read = 0, inserted = 0, enriched = 0, unchanged = 0, rejected = 0] = row.map(Number)
    all.push({ read, inserted, enriched, unchanged, rejected })
  }
  return all
}
