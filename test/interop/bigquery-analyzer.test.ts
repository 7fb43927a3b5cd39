/** Every statement for BigQuery, emitted or documented, as Google's own analyzer reads it with the schema of our tables. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DETECTIONS } from '../../schemas/detections/index.js'
import { parseBigQueryAddress } from '../../sinks/bigquery/address.js'
import { bigquerySql } from '../../sinks/bigquery/forms.js'
import { actionsScript, comparedQuery } from '../../sinks/bigquery/queries.js'
import { namesIn } from '../../sinks/bigquery/tables.js'
import { reportedQuery, reportStatements } from '../../sinks/shared/findings.js'
import { questions } from '../../sinks/shared/questions.js'
import { views } from '../../sinks/shared/views.js'
import { newestFound } from '../../src/detections/detect.js'
import { type Analyzer, startAnalyzer } from './bigquery/analyzer.js'
import { catalogOf, type Options, type } from './bigquery/catalog.js'
import { analyzeScript, statementsOf } from './bigquery/script.js'

const ROOT = join(import.meta.dirname, '../..')
const GOLDEN = join(ROOT, 'fixtures/bigquery')
const STAGING = 'wandb_audit_20261001T123456Z_1f2e3d4c_0a1b2c3d'

const emitted = catalogOf('acme-audit', 'audit', STAGING)
const documented = catalogOf('my-project', 'wandb_audit', STAGING)
const names = namesIn(parseBigQueryAddress('bigquery://acme-audit/audit'))
const filtered = namesIn(parseBigQueryAddress('bigquery://acme-audit/audit?require_partition_filter=true'))

/** As load.ts and queries.ts give them, and as a script's own variables are. */
const OPTIONS: Options = {
  queryParameters: [
    { name: 'load_id', type: type('STRING') },
    { name: 'documents', type: type('INT64') },
    { name: 'rows_read', type: type('INT64') },
    { name: 'started_at', type: type('TIMESTAMP') },
    { name: 'loader_version', type: type('STRING') },
    { name: 'source', type: type('STRING') },
    { name: 'table', type: type('STRING') },
    { name: 'partitions', type: type('INT64') },
  ],
  systemVariables: [
    { namePath: ['row_count'], type: type('INT64') },
    { namePath: ['script', 'bytes_processed'], type: type('INT64') },
    { namePath: ['script', 'bytes_billed'], type: type('INT64') },
  ],
}

const SPAN = { from: new Date('2026-10-29'), to: new Date('2026-11-01') }
const REPORTED = { finding_key: 'c0ffee', detection: 'new_network', severity: 'low', started_at: SPAN.from }

let analyzer: Analyzer
beforeAll(async () => {
  analyzer = await startAnalyzer()
})
afterAll(() => analyzer.close())

const STATEMENTS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(readdirSync(GOLDEN).map((file) => [file, readFileSync(join(GOLDEN, file), 'utf8')])),
  'the actions': actionsScript(names),
  'what is compared': comparedQuery(names, { from: new Date('2026-10-01'), to: new Date('2026-10-02') }),
  ...Object.fromEntries(
    [bigquerySql(names.from), bigquerySql(filtered.from)].flatMap((each, i) => [
      ...views(each).map(({ name, sql }) => [`${name} ${i}`, sql]),
      ...questions(each)
        .status(14)
        .map(({ name, sql }) => [`status: ${name} ${i}`, sql]),
      ...questions(each)
        .report({ from: new Date('2026-10-01'), to: new Date('2026-10-02') })
        .map(({ name, sql }) => [`report: ${name} ${i}`, sql]),
      ...DETECTIONS.map((detection) => [`${detection.id} ${i}`, newestFound(detection.sql(each, SPAN, {}))]),
      [`what was reported ${i}`, reportedQuery(each, SPAN.from)],
      [`reported findings ${i}`, reportStatements(each, 'CURRENT_TIMESTAMP()', [REPORTED]).join(';\n')],
      [`rejects ${i}`, questions(each).rejects],
      [`raw rejects ${i}`, questions(each).rawRejects],
    ]),
  ),
}

describe('the analyzer takes', () => {
  it.each(Object.entries(STATEMENTS))('%s', async (_name, sql) => {
    const statements = statementsOf(sql).filter((statement) => statement !== 'END IF')
    expect(await analyzeScript(analyzer, sql, emitted, OPTIONS)).toBeGreaterThanOrEqual(statements.length)
  })

  const DOCUMENTED = ['bigquery', 'retention'].flatMap((page) =>
    [...readFileSync(join(ROOT, `docs/${page}.md`), 'utf8').matchAll(/^```sql\n([\s\S]*?)^```$/gm)]
      .map(([, sql = '']) => sql)
      .filter((sql) => sql.includes('wandb_audit.'))
      .map((sql) => [page, sql] as const),
  )

  it('blocks of two pages', () => {
    expect(DOCUMENTED).toHaveLength(2)
  })

  it.each(DOCUMENTED)('what docs/%s.md documents', async (_page, sql) => {
    expect(await analyzeScript(analyzer, sql, documented, OPTIONS)).toBe(statementsOf(sql).length)
  })
})

describe('the analyzer refuses', () => {
  it.each([
    ['a name that is none', 'SELECT actor FROM audit.audit_events', /Unrecognized name: actor/],
    ['a quoted name in double quotes', 'SELECT max("timestamp") + 1 FROM audit.audit_events', /No matching signature/],
    ['a text for a number', "UPDATE audit.audit_loads SET documents = 'x' WHERE TRUE", /INT64/],
    [
      'a key of extra by equality',
      "SELECT 1 FROM audit.audit_events WHERE extra = JSON '{}'",
      /Equality is not defined|No matching signature/,
    ],
    ['an update without WHERE', 'UPDATE audit.audit_loads SET documents = 1', /WHERE/],
    ['what another one of the script did not make', 'SELECT * FROM contradicting_events', /Table not found/],
    ['variables of another number', 'DECLARE a, b INT64 DEFAULT 0; SET (a, b) = (SELECT AS STRUCT 1)', /2 variables/],
  ])('%s', async (_what, sql, message) => {
    await expect(analyzeScript(analyzer, sql, emitted, OPTIONS)).rejects.toThrow(message)
  })
})
