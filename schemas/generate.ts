/**
 * Writes what follows from the definitions in schemas/, below the working directory. With `--check` it writes nothing and
 * exits 1 when a file is stale, naming each.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { ACTIONS } from './actions.js'
import { createTable, DUCKDB, REDSHIFT } from './ddl.js'
import { dataDictionary } from './dictionary.js'
import { eventsView } from './fabric.js'
import { auditRecord } from './record.js'
import { settings } from './settings.js'
import { TABLES } from './tables.js'

const jsonSchema = (schema: z.ZodType): string =>
  `${JSON.stringify(z.toJSONSchema(schema, { target: 'draft-2020-12' }), null, 2)}\n`

const FILES: Readonly<Record<string, string>> = {
  'schemas/generated/record.schema.json': jsonSchema(auditRecord),
  'schemas/generated/settings.schema.json': jsonSchema(settings),
  'schemas/generated/duckdb.sql': `${TABLES.map((table) => createTable(table, DUCKDB)).join('\n\n')}\n`,
  'schemas/generated/redshift.sql': `${TABLES.map((table) => createTable(table, REDSHIFT)).join('\n\n')}\n`,
  'schemas/generated/fabric-view.sql': eventsView(),
  'docs/data-dictionary.md': dataDictionary(TABLES, ACTIONS),
}

async function isStale(path: string, text: string): Promise<boolean> {
  try {
    return (await readFile(path, 'utf8')) !== text
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true
    throw error
  }
}

const check = process.argv.includes('--check')
for (const [path, text] of Object.entries(FILES)) {
  if (!(await isStale(path, text))) continue
  if (check) {
    process.stderr.write(`stale: ${path}; run npm run generate\n`)
    process.exitCode = 1
  } else {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    process.stdout.write(`wrote ${path}\n`)
  }
}
