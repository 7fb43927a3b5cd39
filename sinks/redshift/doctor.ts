/** For `doctor --probe`: what loads into Redshift rely on. */

import { join } from 'node:path'
import type { Check, Warning } from '../../src/contract.js'
import { openConnection } from '../../src/duckdb/connection.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { AuditError, printable } from '../../src/errors.js'
import { NEVER_ABORTED, retrying } from '../../src/retry.js'
import type { OpenedStore } from '../../src/stores/index.js'
import { KEPT, probeWrites, removing } from '../../src/stores/probe.js'
import type { RedshiftAddress } from './address.js'
import type { DataApi } from './data-api.js'
import { literal, quote } from './namespace.js'
import { queryResult } from './result.js'

/** Transactions that change one row at once. */
const WRITERS = 4

const JSON_TEXT = '{"a":[1,{"deep":"ü"}]}'

/** @param staging opens the place where files are kept between upload and COPY */
export const probes = (
  at: RedshiftAddress,
  api: DataApi,
  staging: () => Promise<OpenedStore>,
  name: string,
): readonly Check[] => [
  {
    name: 'probe: staging',
    async run(signal) {
      const { store, prefix } = await staging()
      return probeWrites(store, keyBelow(prefix, `${name}-`), signal)
    },
  },
  { name: 'probe: transactions', run: (signal) => transactions(at, api, name, signal) },
  { name: 'probe: COPY', run: async (signal) => copy(at, api, await staging(), name, signal) },
]

const keyBelow = (prefix: string, name: string): string =>
  [prefix.replace(/\/+$/, ''), name].filter((part) => part !== '').join('/')

/** Each locks a table and adds one to its row, as loads take turns: if two do not wait for each other, an addition is lost. */
async function transactions(
  at: RedshiftAddress,
  api: DataApi,
  name: string,
  signal: AbortSignal,
): Promise<string | Warning> {
  const table = `${quote(at.place.schema)}.${quote(`${name}_n`)}`
  return withTable(api, table, '"n" INTEGER NOT NULL', signal, async () => {
    await must(api, [`INSERT INTO ${table} ("n") VALUES (0)`], signal)
    const add = [`LOCK ${table}`, `UPDATE ${table} SET "n" = "n" + 1`]
    await Promise.all(Array.from({ length: WRITERS }, () => must(api, add, signal)))
    const kept = Number(await last(api, [`SELECT "n" FROM ${table}`], signal))
    if (kept === WRITERS) return `${WRITERS} transactions locked one table at once, and none was lost`
    throw new AuditError(`of ${WRITERS} transactions that locked one table at once, ${WRITERS - kept} were lost`, {
      advice: 'Two loads at once could lose events: let only one run at a time, and report this.',
    })
  })
}

/** A Parquet file through COPY into a temporary table, and its text as SUPER, in one transaction. */
async function copy(
  at: RedshiftAddress,
  api: DataApi,
  { store, prefix }: OpenedStore,
  name: string,
  signal: AbortSignal,
): Promise<string | Warning> {
  if ((await store.locksByItself?.(signal)) === true) return KEPT
  const folder = keyBelow(prefix, name)
  const key = `${folder}/probe.parquet`
  const work = async (): Promise<string> => {
    const { connection, folder: local, close } = await openConnection()
    try {
      const file = join(local, 'probe.parquet')
      await writeParquet(at.id, connection, `SELECT '${JSON_TEXT}' AS extra`, file, 'snappy')
      await store.write(key, { file }, 'any', signal)
    } finally {
      close()
    }
    const from = literal(`${store.id}/${folder}/`)
    const sqls = [
      `CREATE TEMP TABLE ${name} ("extra" VARCHAR(1000))`,
      `COPY ${name} FROM ${from} IAM_ROLE ${at.iamRole} FORMAT AS PARQUET STATUPDATE OFF`,
      `SELECT JSON_SERIALIZE(JSON_PARSE("extra")) FROM ${name}`,
    ]
    if ((await last(api, sqls, signal)) === JSON_TEXT) return 'COPY took a Parquet file, and SUPER its text'
    throw new AuditError('COPY and SUPER changed a text on its way through', {
      advice: 'Report this: `extra` would not be kept as it is.',
    })
  }
  return removing(`its object ${printable(key)}`, work, () => store.remove(key, NEVER_ABORTED))
}

async function withTable(
  api: DataApi,
  table: string,
  columns: string,
  signal: AbortSignal,
  work: () => Promise<string>,
): Promise<string | Warning> {
  const made = async (): Promise<string> => {
    await must(api, [`CREATE TABLE ${table} (${columns})`], signal)
    return work()
  }
  return removing(`its table ${printable(table)}`, made, () =>
    must(api, [`DROP TABLE IF EXISTS ${table}`], NEVER_ABORTED),
  )
}

const must = (api: DataApi, sqls: readonly string[], signal: AbortSignal): Promise<string> =>
  retrying(() => api.must({ sqls, what: 'a probe', signal }), signal)

/** The first value of the last statement's result. */
async function last(api: DataApi, sqls: readonly string[], signal: AbortSignal): Promise<unknown> {
  const { rows } = queryResult(await api.result(await must(api, sqls, signal), sqls.length))
  for await (const [value] of rows) return value
  return null
}
