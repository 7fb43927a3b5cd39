/**
 * Writes what follows from the definitions in schemas/ and from what the sinks declare, below the working directory.
 * With `--check` it writes nothing and exits 1 when a file is stale, naming each.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { bigquerySql } from '../sinks/bigquery/forms.js'
import { SINK_FORMS, SINKS } from '../sinks/index.js'
import { redshiftSql } from '../sinks/redshift/forms.js'
import { DUCKDB_SQL, DUCKDB_VIEWS } from '../sinks/shared/duckdb-forms.js'
import { ACTIONS } from './actions.js'
import { athenaTable } from './athena.js'
import { createTable, DUCKDB, REDSHIFT } from './ddl.js'
import { detectionGuide, detectionStatements } from './detections/guide.js'
import { dataDictionary } from './dictionary.js'
import { exitCodeTable, reactionTable } from './exit-codes.js'
import { eventsView, fabricViews } from './fabric.js'
import { hashCheck } from './hash-check.js'
import { auditRecord } from './record.js'
import { settings } from './settings.js'
import { optionTable, remainsTable, sinkTable } from './sinks.js'
import { TABLES } from './tables.js'

const jsonSchema = (schema: z.ZodType): string =>
  `${JSON.stringify(z.toJSONSchema(schema, { target: 'draft-2020-12' }), null, 2)}\n`

const sqlBlock = (sql: string): string => `\`\`\`sql\n${sql}\`\`\`\n`

/** The settings file's schema, which knows the addresses there are. */
const settingsSchema = settings
  .extend({
    to: settings.shape.to.describe(`Where events go: one sink address or a list of them. Addresses: ${SINK_FORMS}.`),
  })
  .meta(settings.meta() ?? {})

const FILES: Record<string, string> = {
  'schemas/generated/record.schema.json': jsonSchema(auditRecord),
  'schemas/generated/settings.schema.json': jsonSchema(settingsSchema),
  'schemas/generated/duckdb.sql': `${TABLES.map((table) => createTable(table, DUCKDB)).join('\n\n')}\n`,
  'schemas/generated/redshift.sql': `${TABLES.map((table) => createTable(table, REDSHIFT)).join('\n\n')}\n`,
  'schemas/generated/fabric-view.sql': eventsView(),
  'schemas/generated/fabric-more-views.sql': fabricViews(),
  ...Object.fromEntries(
    Object.entries({
      duckdb: [DUCKDB_SQL, 'audit_events'] as const,
      bigquery: [bigquerySql((name) => name), 'wandb_audit.audit_events'] as const,
      redshift: [redshiftSql({ schema: '', prefix: '' }), 'audit_events'] as const,
    }).map(([warehouse, [forms, events]]) => [
      `schemas/generated/hashes-${warehouse}.sql`,
      `${hashCheck(forms, events).trim()};\n`,
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({
      duckdb: DUCKDB_SQL,
      bigquery: bigquerySql((name) => `wandb_audit.${name}`),
      redshift: redshiftSql({ schema: 'wandb_audit', prefix: '' }),
    }).map(([warehouse, forms]) => [`schemas/generated/detections-${warehouse}.sql`, detectionStatements(forms)]),
  ),
  'docs/detections.md': await withPart('docs/detections.md', 'detections', detectionGuide()),
  'docs/data-dictionary.md': dataDictionary(TABLES, ACTIONS),
  'README.md': await withPart('README.md', 'sinks', sinkTable(SINKS)),
  'docs/scheduling.md': await withPart('docs/scheduling.md', 'exit codes', reactionTable()),
  'docs/reference.md': await withPart('docs/reference.md', 'exit codes', exitCodeTable()),
  'docs/fabric.md': await withPart('docs/fabric.md', 'view', sqlBlock(eventsView())),
  'docs/privacy.md': await withPart('docs/privacy.md', 'remains', remainsTable(SINKS)),
  'docs/pandas.md': await withPart('docs/pandas.md', 'athena', sqlBlock(athenaTable())),
}

for (const { guide, options } of SINKS) {
  if (guide !== undefined) FILES[guide] = await withPart(guide, 'options', optionTable(options))
}

/** T-SQL reads this view as DuckDB does. */
const masked = DUCKDB_VIEWS.filter(({ name }) => name === 'audit_events_masked')
  .map(({ name, sql }) => `CREATE VIEW dbo.${name} AS\n${sql};\n`)
  .join('')
FILES['docs/privacy.md'] = await withPart('docs/privacy.md', 'masked', sqlBlock(masked), FILES['docs/privacy.md'])

/** The file with another text between `<!-- name -->` and `<!-- /name -->`. */
async function withPart(path: string, name: string, part: string, given?: string): Promise<string> {
  const text = given ?? (await readFile(path, 'utf8'))
  const [before, , after] = text.split(new RegExp(`(?<=<!-- ${name} -->\\n)([\\s\\S]*)(?=<!-- /${name} -->)`))
  if (after === undefined) throw new Error(`${path} lacks the lines <!-- ${name} --> and <!-- /${name} -->`)
  return `${before}${part}${after}`
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
