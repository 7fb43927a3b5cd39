/** The statements themselves: kept as they are in fixtures/redshift, parsed by somebody else's parser, within the limits. */

import { Dialect, parse } from '@polyglot-sql/sdk'
import { describe, expect, it } from 'vitest'
import { DETECTIONS } from '../../../schemas/detections/index.js'
import { hashCheck } from '../../../schemas/hash-check.js'
import { LAYOUT_VERSION } from '../../../schemas/tables.js'
import { redshiftSql } from '../../../sinks/redshift/forms.js'
import { redshiftSink } from '../../../sinks/redshift/index.js'
import { loadStatements } from '../../../sinks/redshift/merge.js'
import { actionStatements, catalogueStatements, missingStatements } from '../../../sinks/redshift/prepare.js'
import {
  STAGED_EVENTS,
  STAGED_PARTS,
  STAGED_PIECES,
  STAGED_RECEIPTS,
  STAGED_REJECTS,
} from '../../../sinks/redshift/stage.js'
import { reportStatements } from '../../../sinks/shared/findings.js'
import { LAYOUT_MARK } from '../../../sinks/shared/layout.js'
import { never } from '../../support/load.js'

const place = { schema: 'audit', prefix: 'wandb_' }
const NOTHING = { columns: new Set<string>(), views: new Set<string>(), schemas: new Set<string>(), layout: null }
const LOAD = '20261001T123456Z-1f2e3d4c'
const DAY = { least: 1790812800000000n, greatest: 1790899199999999n }

const load = (...ranges: (typeof DAY)[]): string[] =>
  loadStatements(
    {
      loadId: LOAD,
      startedAt: new Date('2026-10-01T12:34:56Z'),
      loaderVersion: '0.1.0',
      documents: 2,
      rowsRead: 5,
      rejected: 1,
      readings: { rows: ranges.length === 0 ? 0 : 2 },
    },
    {
      place,
      iamRole: "'arn:aws:iam::123456789012:role/copy'",
      objects: [
        ...(ranges.length === 0 ? [] : [STAGED_EVENTS]),
        STAGED_REJECTS,
        STAGED_PIECES,
        STAGED_RECEIPTS,
        STAGED_PARTS,
      ].map((table) => ({
        table,
        address: `s3://bucket/staging/${LOAD}/${table.name}/`,
      })),
      ranges,
      finishedAt: new Date('2026-10-01T12:35:00Z'),
    },
  )

const { questions } = redshiftSink('redshift://main/database?schema=audit&table_prefix=wandb_', { signal: never })

const SPAN = { from: new Date('2026-10-01'), to: new Date('2026-10-02') }
const LATER = { from: new Date('2026-10-02T05:00:00Z'), to: new Date('2026-10-02T06:00:00Z') }

const ALL: Readonly<Record<string, readonly string[]>> = {
  load: load(DAY),
  'load-without-events': load(),
  prepare: [...catalogueStatements(place), ...missingStatements(place, NOTHING), ...actionStatements(place)],
  questions: [...(await questions.status(14)).map(({ sql }) => sql), questions.rejects, questions.rawRejects],
  report: (await questions.report(SPAN)).map(({ sql }) => sql),
  reconcile: [
    await questions.newest(SPAN),
    await questions.hourDigests(SPAN, 'c0ffee'),
    await questions.identities([SPAN, LATER]),
    questions.rejectsByDocument,
  ],
  verify: [
    questions.proof.eventDigests(SPAN, 'c0ffee'),
    questions.proof.eventDigests(null, 'c0ffee'),
    questions.proof.events(SPAN),
    questions.proof.rejectDigests('c0ffee'),
    questions.proof.rejects,
    questions.proof.receipts,
  ],
  detections: [
    ...DETECTIONS.map((detection) => detection.sql(redshiftSql(place), SPAN, {})),
    ...reportStatements(redshiftSql(place), 'GETDATE()', [
      { finding_key: 'c0ffee', detection: 'new_network', severity: 'low', started_at: SPAN.from },
    ]),
  ],
  hashes: [hashCheck(redshiftSql({ schema: 'audit', prefix: '' }), 'audit_events')],
}

describe.each(Object.entries(ALL))('the statements of %s', (name, sqls) => {
  it('are the ones that are kept', async () => {
    const text = sqls.map((sql) => `${sql.trim()};\n`).join('\n')
    await expect(text).toMatchFileSnapshot(`../../../fixtures/redshift/${name}.sql`)
  })

  it('parse as Redshift', () => {
    for (const sql of sqls) expect(parse(sql, Dialect.Redshift), sql).toMatchObject({ success: true })
  })

  it('are within 100 KB', () => {
    for (const sql of sqls) expect(Buffer.byteLength(sql)).toBeLessThan(100_000)
  })
})

describe('a load', () => {
  it('is one transaction of at most 40 statements, and takes its turn before it looks', () => {
    expect(load(DAY).length).toBeLessThanOrEqual(40)
    expect(load(DAY).slice(0, 2)).toEqual([
      'LOCK "audit"."wandb_audit_lock"',
      `UPDATE "audit"."wandb_audit_lock" SET "load_id" = '${LOAD}'`,
    ])
  })

  it('gathers no statistics of the small tables it copies into', () => {
    for (const sql of load(DAY).filter((each) => each.startsWith('COPY'))) expect(sql).toMatch(/ STATUPDATE OFF$/)
  })

  it('reads audit_events between constants only, so that the blocks of other days are skipped', () => {
    const constants = `"timestamp" BETWEEN CAST('2026-10-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND CAST('2026-10-01 23:59:59.999999+00' AS TIMESTAMPTZ)`
    for (const sql of load(DAY).filter((each) => each.includes('"wandb_audit_events"'))) {
      const reads = sql.match(/(?:FROM|JOIN|UPDATE) "audit"."wandb_audit_events"/g) ?? []
      expect(sql.split(constants).length - 1, sql).toBe(reads.length)
    }
  })

  it('reads days far from the rest as ranges of their own', () => {
    const old = { least: 946684800000000n, greatest: 946684800000001n }
    const range = `"timestamp" BETWEEN CAST('2000-01-01 00:00:00.000000+00' AS TIMESTAMPTZ) AND CAST('2000-01-01 00:00:00.000001+00' AS TIMESTAMPTZ) OR`
    for (const sql of load(old, DAY).filter((each) => each.includes('"wandb_audit_events"'))) {
      const reads = sql.match(/(?:FROM|JOIN|UPDATE) "audit"."wandb_audit_events"/g) ?? []
      expect(sql.split(range).length - 1, sql).toBe(reads.length)
    }
  })

  it('without events does not touch them', () => {
    expect(load().join()).not.toContain('"wandb_audit_events"')
  })
})

describe('preparing', () => {
  it('has nothing to do where nothing is missing', () => {
    const created = missingStatements(place, NOTHING)
    const names = (sign: RegExp) => created.flatMap((sql) => sign.exec(sql)?.slice(1, 3) ?? [])
    const columns = created.flatMap((sql) => {
      const [, table, column] = /^COMMENT ON COLUMN "audit"."(\w+)"."(\w+)"/.exec(sql) ?? []
      return table === undefined ? [] : [`${table}.${column}`]
    })
    const views = new Set(names(/^CREATE OR REPLACE VIEW "audit"."(\w+)"/))
    expect(views.size).toBe(9)
    const there = { columns: new Set(columns), views, schemas: new Set(['audit']), layout: LAYOUT_VERSION }
    expect(missingStatements(place, there)).toEqual([])
    expect(missingStatements(place, { ...there, layout: null })).toEqual([
      expect.stringMatching(new RegExp(`^COMMENT ON TABLE "audit"."wandb_audit_events" IS '.* \\(${LAYOUT_MARK}\\)'$`)),
    ])
  })

  it('adds the one column that is missing', () => {
    const columns = new Set(['wandb_audit_parts.id', 'wandb_audit_parts.part'])
    const added = missingStatements(place, { ...NOTHING, columns }).filter((sql) => sql.includes('"wandb_audit_parts"'))
    expect(added).toEqual([
      'ALTER TABLE "audit"."wandb_audit_parts" ADD COLUMN "text" VARCHAR(65535)',
      expect.stringMatching(/^COMMENT ON COLUMN "audit"."wandb_audit_parts"."text" IS '/),
    ])
  })
})
