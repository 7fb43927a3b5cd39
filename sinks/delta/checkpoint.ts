/**
 * Checkpoints: the whole state of a table in one file, so that nobody has to read the log from its beginning.
 * https://github.com/delta-io/delta/blob/master/PROTOCOL.md#checkpoints
 */

import { randomUUID } from 'node:crypto'
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Table } from '../../schemas/tables.js'
import { tidied } from '../../src/cleanup.js'
import { withConnection } from '../../src/duckdb/connection.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import type { Action } from './actions.js'
import { checkpointName, LAST_CHECKPOINT, logOf } from './log.js'
import type { Snapshot } from './snapshot.js'
import type { Tables } from './tables.js'

/** Commits between two checkpoints, as with other writers. */
export const CHECKPOINT_EVERY = 10

const TEXTS = 'MAP(VARCHAR, VARCHAR)'
const COLUMNS = {
  txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',
  add: `STRUCT(path VARCHAR, partitionValues ${TEXTS}, size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR)`,
  remove: `STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, partitionValues ${TEXTS}, size BIGINT)`,
  metaData: `STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options ${TEXTS}), schemaString VARCHAR, partitionColumns VARCHAR[], configuration ${TEXTS}, createdTime BIGINT)`,
  protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)',
}

/** The actions that a reader needs instead of the log. Files in a checkpoint change no data. */
function actionsOf({ protocol, metaData, txns, files, removed }: Snapshot): Action[] {
  return [
    { protocol },
    { metaData },
    ...[...txns.values()].map((txn) => ({ txn })),
    ...[...removed.values()].map((remove) => ({
      remove: { ...remove, dataChange: false, extendedFileMetadata: typeof remove.size === 'number' },
    })),
    ...[...files.values()].map((add) => ({ add: { ...add, dataChange: false } })),
  ]
}

/** Writes the checkpoint of a version, then the hint to it. Two loads that do so at once write equivalent ones. */
export async function writeCheckpoint(
  { lake, folder }: Tables,
  table: Table,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<void> {
  const stem = join(await folder(), randomUUID())
  const [lines, file] = [`${stem}.json`, `${stem}.parquet`]
  const actions = actionsOf(snapshot)
  await tidied(
    async () => {
      await writeFile(lines, actions.map((action) => `${JSON.stringify(action)}\n`).join(''), { mode: 0o600 })
      const columns = Object.entries(COLUMNS).map(([name, type]) => `${name}: ${quotedString(type)}`)
      const read = `FROM read_json(${quotedString(lines)}, format = 'newline_delimited', columns = {${columns.join(', ')}}, maximum_object_size = 268435456)`
      await withConnection((connection) => writeParquet(lake.id, connection, read, file))
      const log = logOf(lake, table)
      await lake.store.write(log + checkpointName(snapshot.version), { file }, 'any', signal)
      const hint = {
        version: snapshot.version,
        size: actions.length,
        sizeInBytes: (await stat(file)).size,
        numOfAddFiles: snapshot.files.size,
      }
      await lake.store.write(log + LAST_CHECKPOINT, Buffer.from(JSON.stringify(hint)), 'any', signal)
    },
    async () => {
      for (const path of [lines, file]) await rm(path, { force: true })
    },
  )
}
