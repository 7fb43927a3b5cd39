/** The statements themselves: kept as golden files, read by an independent parser. */

import { join } from 'node:path'
import { parse } from 'sql-parser-cst'
import { describe, expect, it } from 'vitest'
import { hashCheck } from '../../../schemas/hash-check.js'
import { parseBigQueryAddress } from '../../../sinks/bigquery/address.js'
import { daySpans, within } from '../../../sinks/bigquery/days.js'
import { bigquerySql } from '../../../sinks/bigquery/forms.js'
import { type Merge, mergeScript } from '../../../sinks/bigquery/merge.js'
import { actionsScript, receiptsQuery } from '../../../sinks/bigquery/queries.js'
import { partitionsQuery, statusQuestions } from '../../../sinks/bigquery/status.js'
import { namesIn } from '../../../sinks/bigquery/tables.js'
import { questions } from '../../../sinks/shared/questions.js'
import { views } from '../../../sinks/shared/views.js'
import type { TimestampBounds } from '../../../src/contract.js'
import { batchOf, documentOf, ndjson, newEngine } from '../../support/load.js'

const GOLDEN = join(import.meta.dirname, '../../../fixtures/bigquery')
const place = parseBigQueryAddress('bigquery://acme-audit/audit')
const names = namesIn(place)
const filtered = namesIn(
  parseBigQueryAddress('bigquery://acme-audit/audit?table_prefix=wb_&require_partition_filter=true'),
)

const noon = (day: string): bigint => BigInt(Date.parse(`${day}T12:00:00Z`)) * 1000n

const mergeOf = (days: readonly TimestampBounds[], isFull = true): Merge => ({
  table: ({ name }) => names.full(name),
  staging: '`acme-audit`.`audit`.`wandb_audit_20261001T123456Z_1f2e3d4c_0a1b2c3d`',
  days,
  hasRejects: isFull,
  hasPieces: isFull,
  hasReadings: isFull,
  mayExpire: false,
  kmsKey: null,
})

const TWO_DAYS = [{ least: noon('2026-10-01'), greatest: noon('2026-10-02') }]

const SPAN = { from: new Date('2026-10-01'), to: new Date('2026-10-02') }
const LATER = { from: new Date('2026-10-02T05:00:00Z'), to: new Date('2026-10-02T06:00:00Z') }

const STATEMENTS: Readonly<Record<string, string>> = {
  'merge.sql': mergeScript(mergeOf(TWO_DAYS)),
  'merge-without-events.sql': mergeScript(mergeOf([], false)),
  'views.sql': views(bigquerySql(names.from))
    .map(({ sql }) => `${sql};\n`)
    .join('\n'),
  'receipts.sql': `${receiptsQuery(names)}\n`,
  'status-days.sql': `${partitionsQuery(place)}\n`,
  'status.sql': statusQuestions(names, ['__UNPARTITIONED__', '20261002', '20261001', '20260701'], 14)
    .map(({ name, sql }) => `-- ${name}${sql};\n`)
    .join('\n'),
  'reconcile.sql': `${[
    questions(bigquerySql(names.from)).newest(SPAN),
    questions(bigquerySql(names.from)).hourDigests(SPAN, 'c0ffee'),
    questions(bigquerySql(names.from)).identities([SPAN, LATER]),
    questions(bigquerySql(names.from)).rejectsByDocument,
  ].join(';\n')};\n`,
}

const { proof } = questions(bigquerySql(names.from))
const VERIFY: Readonly<Record<string, string>> = {
  'verify.sql': `${[
    proof.eventDigests(SPAN, 'c0ffee'),
    proof.eventDigests(null, 'c0ffee'),
    proof.events(SPAN),
    proof.rejectDigests('c0ffee'),
    proof.rejects,
    proof.receipts,
  ].join(';\n')};\n`,
  'hashes.sql': `${hashCheck(bigquerySql(names.from), names.from('audit_events')).trim()};\n`,
}

describe('the statements', () => {
  it.each(Object.entries({ ...STATEMENTS, ...VERIFY }))('%s is the golden one', async (file, sql) => {
    await expect(sql).toMatchFileSnapshot(join(GOLDEN, file))
  })

  const more = {
    ...STATEMENTS,
    ...VERIFY,
    'actions.sql': actionsScript(names),
    ...Object.fromEntries(views(bigquerySql(filtered.from)).map(({ name, sql }) => [name, sql])),
    ...Object.fromEntries(
      questions(bigquerySql(filtered.from))
        .status(14)
        .map(({ name, sql }) => [`${name} with a filter`, sql]),
    ),
    'digests with a filter': questions(bigquerySql(filtered.from)).proof.eventDigests(null, 'c0ffee'),
    rejects: questions(bigquerySql(names.from)).rejects,
    rawRejects: questions(bigquerySql(names.from)).rawRejects,
  }

  it.each(Object.entries(more))('%s is BigQuery SQL to a parser that is not ours', (_name, sql) => {
    expect(() => parse(sql, { dialect: 'bigquery', paramTypes: ['@name'] })).not.toThrow()
  })
})

describe('the days of a batch', () => {
  it('stand as constants in every statement that reads or changes events', () => {
    const script = mergeScript(mergeOf(TWO_DAYS))
    const bounds = "BETWEEN TIMESTAMP '2026-10-01 00:00:00+00' AND TIMESTAMP '2026-10-02 23:59:59.999999+00'"
    const statements = script
      .split(';\n')
      .filter((statement) => /(?:FROM|UPDATE|JOIN) \S*`audit_events`/.test(statement))
    expect(statements).toHaveLength(6)
    for (const statement of statements) expect(statement).toContain(`t.\`timestamp\` ${bounds}`)
  })

  it('are read once and nothing is written where nothing contradicts, is filled or is new', () => {
    const always = mergeScript({ ...mergeOf(TWO_DAYS), hasReadings: false }).replace(
      /^IF [^;]*? THEN$.*?^END IF;$/gms,
      '',
    )
    expect(always.match(/`audit_events`/g)).toHaveLength(1)
    expect(always).not.toMatch(/CREATE TEMP TABLE|`audit_conflicts`/)
  })

  it('that are more than one job may change are refused with advice', async () => {
    const times = Array.from({ length: 4001 }, (_, i) => new Date(i * 86_400_000).toISOString())
    const lines = ndjson(...times.map((timestamp) => ({ timestamp, action: 'user:login' })))
    const batch = await batchOf(await newEngine(), [documentOf('a', lines)])
    await expect(daySpans('here', batch)).rejects.toMatchObject({
      message: expect.stringContaining('4001 days'),
      advice: expect.stringContaining('some at a time'),
    })
  })

  it('are written so that the first and the last instant are within', () => {
    expect(within('at', [{ least: noon('9999-12-31'), greatest: noon('9999-12-31') }])).toBe(
      "at BETWEEN TIMESTAMP '9999-12-31 00:00:00+00' AND TIMESTAMP '9999-12-31 23:59:59.999999+00'",
    )
  })
})
