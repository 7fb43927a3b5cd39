/** Loads with the setting `privacy`. */

import { join } from 'node:path'
import type { PrivacySettings } from '../../schemas/settings.js'
import { TABLES } from '../../schemas/tables.js'
import { duckdbSink } from '../../sinks/duckdb/index.js'
import type { Sink } from '../../src/contract.js'
import { privacyKey } from '../../src/privacy/key.js'
import { rulesOf } from '../../src/privacy/rules.js'
import { NO_PRIVACY, type Privacy } from '../../src/privacy/shown.js'
import { newFolder } from '../support/load.js'
import { rowsOf } from '../support/rows.js'

export const KEY = privacyKey('k'.repeat(64))
export const OTHER_KEY = privacyKey('x'.repeat(64))

export const privacyOf = (settings: PrivacySettings, key = KEY): Privacy => ({
  ...NO_PRIVACY,
  key,
  rules: rulesOf(settings),
})

export const newSink = (): { readonly sink: Sink; readonly path: string } => {
  const path = join(newFolder(), 'audit.duckdb')
  return { sink: duckdbSink(path, { waitMs: 30_000, onWait() {} }), path }
}

/** Every value of every table. */
export async function everything(sink: Sink): Promise<string> {
  const tables = []
  for (const table of TABLES) tables.push(await rowsOf(sink, `SELECT * FROM ${table.name}`))
  return JSON.stringify(tables, (_, value) => (typeof value === 'bigint' ? String(value) : value))
}
