/** Exports as Parquet files, and how they land. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openInMemory } from '../../src/duckdb/instance.js'
import type { Landed } from '../../src/landing/landing.js'
import { type Content, documentOf, newFolder } from '../support/load.js'
import { landDocument, landing } from './support.js'

/** Those that an export must have, in a SELECT. */
export const COLUMNS = `TIMESTAMPTZ '2026-10-01 12:34:56.1+00' AS "timestamp", 'user:login' AS action, repeat('f', 64) AS content_hash`

/** A Parquet file of a SELECT. */
export async function parquet(select: string, options = '', settings: readonly string[] = []): Promise<Buffer> {
  const path = join(newFolder(), 'made.parquet')
  const instance = await openInMemory()
  const connection = await instance.connect()
  for (const setting of settings) await connection.run(setting)
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet${options})`)
  connection.closeSync()
  instance.closeSync()
  return readFileSync(path)
}

export const landExport = (content: Content, path = join(newFolder(), 'landed')): Promise<Landed> =>
  landDocument({ ...documentOf('document', content), isExport: true }, landing({ path }))
