/** The members of a lake's sink that are the same in every format. */

import { AUDIT_DOCUMENTS } from '../../schemas/tables.js'
import type { Sink } from '../../src/contract.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { AuditError } from '../../src/errors.js'
import { probeWrites } from '../../src/stores/probe.js'
import { newestReceipts } from './duckdb-tables.js'
import type { Lake } from './lake.js'
import type { TableFiles } from './lake-query.js'
import { rowsIn } from './parquet-rows.js'
import { privateCheck } from './private-file.js'

/** Does what it is given; what DuckDB fails with becomes an AuditError. */
export const guardedIn =
  ({ id }: Lake) =>
  async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw duckdbError(id, error)
    }
  }

export const noLakeYet = ({ id }: Lake): AuditError =>
  new AuditError(`${id}: there is no lake yet`, { advice: 'Load something first, or name another with --to.' })

/** @param signal ends what `receipts` waits for */
export function lakeMembers(
  lake: Lake,
  tables: TableFiles,
  signal: AbortSignal,
): Pick<Sink, 'id' | 'receipts' | 'checks' | 'probes'> {
  const { id, store, prefix, folder } = lake
  const guarded = guardedIn(lake)
  return {
    id,

    receipts: (source) =>
      guarded(async () => {
        const there = await tables.filesOf(AUDIT_DOCUMENTS, signal)
        if (there.length === 0) return new Map()
        return withConnection((connection) => newestReceipts(connection, `(${rowsIn(AUDIT_DOCUMENTS, there)})`, source))
      }),

    checks: () => (folder === undefined ? [] : [privateCheck(folder)]),

    probes: (name) => [{ name: 'probe: writing', run: (stop) => probeWrites(store, `${prefix}${name}-`, stop) }],
  }
}
