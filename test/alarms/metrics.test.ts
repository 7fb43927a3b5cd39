import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { metricsAfter, parseMetrics, type RunMetrics, renderMetrics, type Series } from '../../src/alarms/metrics.js'
import { updateMetrics } from '../../src/alarms/metrics-file.js'
import { Journal, type Summary } from '../../src/journal.js'
import { newFolder } from '../support/load.js'

const SINK = 'duckdb:audit.duckdb'
const AT = new Date('2026-10-01T12:00:00Z')
const COUNTS = { read: 9, inserted: 4, enriched: 1, unchanged: 2, rejected: 2, conflicts: 1 }

const summaryOf = (sink = SINK, error: string | null = null): Summary => ({
  ...new Journal().summary,
  documents: 3,
  failed: [{ document: 'd', error: 'no', advice: null }],
  sinks: [{ sink, error, ...COUNTS }],
})

const runOf = (more: Partial<RunMetrics> = {}): RunMetrics => ({
  ...{ command: 'load', exitCode: 0, startedAt: new Date(AT.getTime() - 1500), endedAt: AT },
  ...{ summary: summaryOf(), newest: new Map([[SINK, new Date('2026-10-01T11:59:00.5Z')]]), unfinishedDays: 0 },
  findings: new Map([
    ['medium', 0],
    ['high', 0],
  ]),
  ...more,
})

const seriesAfter = (...runs: readonly Partial<RunMetrics>[]): Series =>
  runs.reduce<Series>((series, run) => parseMetrics(renderMetrics(metricsAfter(series, runOf(run)))), new Map())

const metricOf = (series: Series, name: string, labels = ''): number | undefined =>
  series.get(`wandb_audit_${name}{command="load"${labels}}`)

describe('metrics', () => {
  it('have a help and a type for each family, and a value for each series', () => {
    const text = renderMetrics(metricsAfter(new Map(), runOf()))
    const helps = [...text.matchAll(/^# HELP (\S+) [A-Z].*\.\n# TYPE (\S+) (gauge|counter)\n/gm)]
    expect(helps.length).toBeGreaterThan(10)
    for (const [, help, type, kind] of helps) {
      expect(type).toBe(help)
      expect(help?.endsWith('_total')).toBe(kind === 'counter')
      expect(text).toMatch(new RegExp(String.raw`^${help}\{command="load"[^\n]*\} [\d.]+$`, 'm'))
    }
    expect(text.endsWith('\n')).toBe(true)
    expect(text).toContain(
      `wandb_audit_events_total{command="load",sink="${SINK}",outcome="inserted"} 4\nwandb_audit_events_total{command="load",sink="${SINK}",outcome="enriched"} 1\n`,
    )
    expect(text).toContain('wandb_audit_last_run_duration_seconds{command="load"} 1.5\n')
    expect(text).toContain(
      `wandb_audit_newest_event_timestamp_seconds{command="load",sink="${SINK}"} ${Date.parse('2026-10-01T11:59:00.5Z') / 1000}\n`,
    )
  })

  it('count on from run to run', () => {
    const series = seriesAfter({}, {}, { exitCode: 1 })
    expect(metricOf(series, 'runs_total', ',result="success"')).toBe(2)
    expect(metricOf(series, 'runs_total', ',result="failure"')).toBe(1)
    expect(metricOf(series, 'rejects_total', `,sink="${SINK}"`)).toBe(6)
    expect(metricOf(series, 'documents_total', ',outcome="failed"')).toBe(3)
  })

  it('of a failing run leave the last success, the newest event and unfinished days as they were', () => {
    const later = new Date(AT.getTime() + 60_000)
    const failed = { exitCode: 1, startedAt: AT, endedAt: later, newest: new Map(), unfinishedDays: null }
    for (const summary of [null, summaryOf(SINK, 'it is gone')]) {
      const series = seriesAfter({ unfinishedDays: 2 }, { ...failed, summary }, { ...failed, summary })
      expect(metricOf(series, 'last_success_timestamp_seconds')).toBe(AT.getTime() / 1000)
      expect(metricOf(series, 'last_run_timestamp_seconds')).toBe(later.getTime() / 1000)
      expect(metricOf(series, 'last_run_exit_code')).toBe(1)
      expect(metricOf(series, 'consecutive_failures')).toBe(2)
      expect(metricOf(series, 'newest_event_timestamp_seconds', `,sink="${SINK}"`)).toBeGreaterThan(0)
      expect(metricOf(series, 'unfinished_days')).toBe(2)
      expect(metricOf(series, 'sink_failed', `,sink="${SINK}"`)).toBe(summary === null ? 0 : 1)
    }
  })

  it('begin without a success when the first run fails, and a success ends a row of failures', () => {
    expect(metricOf(seriesAfter({ exitCode: 2, summary: null }), 'last_success_timestamp_seconds')).toBeUndefined()
    expect(metricOf(seriesAfter({ exitCode: 1 }, {}), 'consecutive_failures')).toBe(0)
  })

  it('count a run with findings as a success', () => {
    const series = seriesAfter({ exitCode: 4 })
    expect(metricOf(series, 'runs_total', ',result="findings"')).toBe(1)
    expect(metricOf(series, 'runs_total', ',result="failure"')).toBe(0)
    expect(metricOf(series, 'last_success_timestamp_seconds')).toBe(AT.getTime() / 1000)
  })

  it('count findings by severity whatever came of the run, and of an interrupted one nothing else', () => {
    const findings = new Map([
      ['medium', 0],
      ['high', 2],
    ])
    const last = seriesAfter({}, { exitCode: 4, findings }, { exitCode: 1, findings, summary: null }, { exitCode: 1 })
    expect(metricOf(last, 'findings_total', ',severity="high"')).toBe(4)
    expect(metricOf(last, 'findings_total', ',severity="medium"')).toBe(0)
    const interrupted = metricsAfter(last, runOf({ exitCode: 130, findings }))
    expect([...interrupted].filter(([key, value]) => last.get(key) !== value)).toEqual([
      ['wandb_audit_findings_total{command="load",severity="high"}', 6],
    ])
    expect(interrupted.size).toBe(last.size)
  })

  it('of another command stay, those of a sink that is no longer loaded go', () => {
    const series = seriesAfter({ command: 'backfill' }, {}, { summary: summaryOf('parquet:lake') })
    expect([...series.keys()].filter((key) => key.includes('command="backfill"')).length).toBeGreaterThan(10)
    expect([...series.keys()].filter((key) => key.startsWith('wandb_audit_rejects_total'))).toEqual([
      `wandb_audit_rejects_total{command="backfill",sink="${SINK}"}`,
      'wandb_audit_rejects_total{command="load",sink="parquet:lake"}',
    ])
  })

  it('of a sink with a hostile name are one line, and are found again', () => {
    const sink = 'duckdb:a"} 1\nwandb_audit_runs_total{command="load"\\.duckdb'
    const summary = summaryOf(sink)
    const series = seriesAfter({ summary }, { summary })
    const text = renderMetrics(series)
    expect(
      text.split('\n').filter((line) => !/^(?:# (?:HELP|TYPE) |wandb_audit_[a-z_]+\{command="load"|$)/.test(line)),
    ).toEqual([])
    expect(
      [...series].filter(([key]) => key.startsWith('wandb_audit_rejects_total')).map(([, value]) => value),
    ).toEqual([4])
  })

  it('serve every alert rule', () => {
    const rules = readFileSync(new URL('../../docs/alerts.yaml', import.meta.url), 'utf8')
    const page = readFileSync(new URL('../../docs/alerting.md', import.meta.url), 'utf8')
    const { groups } = parse(rules) as { groups: { rules: { alert: string; expr: string }[] }[] }
    const written = new Set([...seriesAfter({}).keys()].map((key) => key.replace(/\{.*/, '')))
    const all = groups.flatMap((group) => group.rules)
    expect(all.length).toBeGreaterThan(5)
    for (const { alert, expr } of all) {
      const used = expr.match(/wandb_audit_\w+/g) ?? []
      expect(used.length, alert).toBeGreaterThan(0)
      for (const name of used) expect(written).toContain(name)
      expect(page).toContain(`| \`${alert}\` |`)
    }
    for (const name of written) expect(page).toContain(`| \`${name}\` |`)
  })
})

describe('the file of metrics', () => {
  it('can be read by everyone, and is replaced whole', () => {
    const folder = newFolder()
    const path = join(folder, 'wandb_audit.prom')
    const before = process.umask(0o077)
    try {
      updateMetrics(path, runOf())
      updateMetrics(path, runOf())
    } finally {
      process.umask(before)
    }
    expect(statSync(path).mode & 0o777).toBe(0o644)
    expect(readdirSync(folder)).toEqual(['wandb_audit.prom'])
    expect(metricOf(parseMetrics(readFileSync(path, 'utf8')), 'runs_total', ',result="success"')).toBe(2)
  })

  it('never takes the place of another file', () => {
    const folder = newFolder()
    const path = join(folder, 'audit.duckdb')
    writeFileSync(path, 'something else')
    expect(() => updateMetrics(path, runOf())).toThrow('audit.duckdb: it exists, and was not written by')
    expect(readFileSync(path, 'utf8')).toBe('something else')
    mkdirSync(join(folder, 'folder'))
    expect(() => updateMetrics(join(folder, 'folder'), runOf())).toThrow('it is a folder')
    expect(() => updateMetrics(join(folder, 'none', 'a.prom'), runOf())).toThrow('ENOENT')
    expect(readdirSync(folder)).toEqual(['audit.duckdb', 'folder'])
  })
})
