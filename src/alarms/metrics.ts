/**
 * Metrics of runs in the format that Prometheus reads from files.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 *
 * The file is the only memory: counters go on from what it says, and what a run cannot tell stays as it was.
 */

import { EXIT } from '../errors.js'
import type { Summary } from '../journal.js'

export interface RunMetrics {
  readonly command: 'load' | 'backfill'
  readonly exitCode: number
  readonly startedAt: Date
  readonly endedAt: Date
  /** Null when the run ended before it began to load. */
  readonly summary: Summary | null
  /** By sink: the newest event; sinks that could not say are left out. */
  readonly newest: ReadonlyMap<string, Date>
  /** Null when the run could not tell. */
  readonly unfinishedDays: number | null
  /** Findings that were reported, by each severity there is, however the run ended: no later run reports them again. */
  readonly findings: ReadonlyMap<string, number>
}

interface Family {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
}

/** In the order of the file. All begin with wandb_audit_. */
const FAMILIES: readonly Family[] = [
  {
    name: 'last_success_timestamp_seconds',
    type: 'gauge',
    help: 'When a run last succeeded, with or without findings.',
  },
  { name: 'last_run_timestamp_seconds', type: 'gauge', help: 'When a run last ended, whatever its exit code.' },
  { name: 'last_run_duration_seconds', type: 'gauge', help: 'How long the last run took.' },
  { name: 'last_run_exit_code', type: 'gauge', help: 'Exit code of the last run.' },
  { name: 'consecutive_failures', type: 'gauge', help: 'Failed runs since the last success.' },
  { name: 'runs_total', type: 'counter', help: 'Runs, by result.' },
  { name: 'findings_total', type: 'counter', help: 'New findings that runs have reported, whatever their result.' },
  { name: 'documents_total', type: 'counter', help: 'Documents that were loaded, or failed.' },
  { name: 'events_total', type: 'counter', help: 'Events read for each sink, by what came of them.' },
  { name: 'rejects_total', type: 'counter', help: 'Lines that could not become events.' },
  { name: 'conflicts_total', type: 'counter', help: 'Values that contradict the row of their event.' },
  { name: 'sink_failed', type: 'gauge', help: '1 when the sink failed in the last run, otherwise 0.' },
  {
    name: 'newest_event_timestamp_seconds',
    type: 'gauge',
    help: 'The newest event in each sink; events in the future are ignored.',
  },
  { name: 'unfinished_days', type: 'gauge', help: 'UTC days of the W&B API that should be finished and are not.' },
]

/** Values by series: `wandb_audit_runs_total{command="load",result="success"}`. */
export type Series = ReadonlyMap<string, number>

type Labels = Readonly<Record<string, string>>

const LABEL = String.raw`[a-z_]+="(?:[^"\\]|\\.)*"`
const LINE = new RegExp(String.raw`^wandb_audit_([a-z_]+)(\{command="([a-z]+)"(?:,${LABEL})*\}) (\S+)$`)

/** Whether a file was written here: the wrong name must not cost somebody another file. */
export const isOurs = (text: string): boolean => text === '' || text.startsWith('# HELP wandb_audit_')

/** Leaves out what this version does not write. */
export function parseMetrics(text: string): Series {
  const series = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', , digits = ''] = LINE.exec(line) ?? []
    const value = Number(digits)
    if (digits !== '' && Number.isFinite(value) && FAMILIES.some((family) => family.name === name))
      series.set(`wandb_audit_${name}${labels}`, value)
  }
  return series
}

/**
 * An interrupted run counts its findings only.
 *
 * @param before what the file said; runs of other commands keep their series
 */
export function metricsAfter(before: Series, run: RunMetrics): Series {
  const { command, exitCode, startedAt, endedAt, summary, newest, unfinishedDays, findings } = run
  const others = [...before].filter(([series]) => !series.includes(`{command="${command}"`))
  const after = new Map(others)
  const nameOf = (name: string, labels: Labels): string =>
    `wandb_audit_${name}{${Object.entries({ command, ...labels })
      .map(([label, value]) => `${label}="${escaped(value)}"`)
      .join(',')}}`
  const keep = (name: string, labels: Labels = {}): void => {
    const value = before.get(nameOf(name, labels))
    if (value !== undefined) after.set(nameOf(name, labels), value)
  }
  const set = (name: string, value: number, labels: Labels = {}): void => void after.set(nameOf(name, labels), value)
  // A counter that is there from its first scrape on, at zero, has its first increase seen.
  const add = (name: string, value: number, labels: Labels = {}): void =>
    set(name, (before.get(nameOf(name, labels)) ?? 0) + value, labels)

  for (const [severity, count] of findings) add('findings_total', count, { severity })
  const keepOthers = (): Series => {
    for (const [series, value] of before) if (!after.has(series)) after.set(series, value)
    return after
  }
  if (exitCode === EXIT.interrupted) return keepOthers()
  const result = exitCode === EXIT.done ? 'success' : exitCode === EXIT.found ? 'findings' : 'failure'
  const hasSucceeded = result !== 'failure'
  if (hasSucceeded) set('last_success_timestamp_seconds', seconds(endedAt))
  else keep('last_success_timestamp_seconds')
  set('last_run_timestamp_seconds', seconds(endedAt))
  set('last_run_duration_seconds', (endedAt.getTime() - startedAt.getTime()) / 1000)
  set('last_run_exit_code', exitCode)
  if (hasSucceeded) set('consecutive_failures', 0)
  else add('consecutive_failures', 1)
  for (const each of ['success', 'findings', 'failure']) add('runs_total', result === each ? 1 : 0, { result: each })
  if (unfinishedDays === null) keep('unfinished_days')
  else set('unfinished_days', unfinishedDays)
  if (summary === null) return keepOthers()
  add('documents_total', summary.documents, { outcome: 'loaded' })
  add('documents_total', summary.failed.length, { outcome: 'failed' })
  for (const { sink, error, ...counts } of summary.sinks) {
    for (const outcome of ['inserted', 'enriched', 'unchanged'] as const)
      add('events_total', counts[outcome], { sink, outcome })
    add('rejects_total', counts.rejected, { sink })
    add('conflicts_total', counts.conflicts, { sink })
    set('sink_failed', error === null ? 0 : 1, { sink })
    const latest = newest.get(sink)
    if (latest === undefined) keep('newest_event_timestamp_seconds', { sink })
    else set('newest_event_timestamp_seconds', seconds(latest), { sink })
  }
  return after
}

/** The whole file; families without a series are left out. */
export function renderMetrics(series: Series): string {
  const lines = FAMILIES.flatMap(({ name, type, help }) => {
    const full = `wandb_audit_${name}`
    const values = [...series].filter(([key]) => key.startsWith(`${full}{`))
    if (values.length === 0) return []
    return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...values.map(([key, value]) => `${key} ${value}`)]
  })
  return `${lines.join('\n')}\n`
}

const seconds = (at: Date): number => at.getTime() / 1000

const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
