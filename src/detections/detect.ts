/** Asks a sink what the detections find in a period. */

import { createHash } from 'node:crypto'
import type { Span } from '../../schemas/day-digest.js'
import { type Detection, type Found, SEVERITIES, type Severity } from '../../schemas/detections/detection.js'
import type { Sink, Value } from '../contract.js'
import { usageError } from '../errors.js'

export interface Finding extends Found {
  /** The id of the detection. */
  readonly detection: string
  readonly severity: Severity
  readonly title: string
  /** What happened, in one sentence without any value from an event but counts and durations. */
  readonly what: string
  /** The same for the same finding in every run: 64 hex digits. */
  readonly key: string
}

/** A detection with the parameters that differ from their defaults. */
export interface Chosen {
  readonly detection: Detection
  readonly parameters?: unknown
}

/**
 * What the detections find in [from, to), the most severe first and then by time. All but counts and times are values of events,
 * which anyone may have written.
 *
 * @throws AuditError, exit code 2, when the sink's events cannot be asked for; AuditError when a statement fails
 */
export async function detect(
  { id, query, questions }: Pick<Sink, 'id' | 'query' | 'questions'>,
  chosen: readonly Chosen[],
  { from, to }: Span,
): Promise<Finding[]> {
  const span = { from: wholeSecond(from, Math.floor), to: wholeSecond(to, Math.ceil) }
  const findings: Finding[] = []
  for (const { detection, parameters = {} } of chosen) {
    if (questions.detection === undefined) throw cannot(id)
    const { columns, rows } = await query(await questions.detection(detection, span, parameters))
    const names = columns.map(({ name }) => name)
    for await (const row of rows) findings.push(finding(detection, new Map(names.map((name, i) => [name, row[i]]))))
  }
  return findings.sort(
    (a, b) => rank(b) - rank(a) || compare(a.at, b.at) || compare(a.detection, b.detection) || compare(a.key, b.key),
  )
}

/** Warehouses write instants to the second. */
const wholeSecond = (at: Date, round: (seconds: number) => number): Date => new Date(round(at.getTime() / 1000) * 1000)

const rank = ({ severity }: Finding): number => SEVERITIES.indexOf(severity)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function finding({ id, title, severity, key, what }: Detection, row: ReadonlyMap<string, Value | undefined>): Finding {
  const text = (name: string): string | null => {
    const value = row.get(name) ?? null
    return value === null ? null : String(value)
  }
  const number = (name: string): number | null => {
    const value = row.get(name) ?? null
    return value === null ? null : Number(value)
  }
  const found: Found = {
    at: text('started_at') ?? '',
    until: text('ended_at'),
    actor: text('actor'),
    actor_email: text('actor_email'),
    address: text('address'),
    entity: text('entity'),
    subject: text('subject'),
    events: number('events') ?? 0,
    usual: number('usual'),
    various: number('various'),
    seconds: number('seconds'),
  }
  // What has grown by ten times in a day is reported again: a small finding must not hide a large one.
  const growth = key.includes('day') ? [String(found.events).length] : []
  const identity = JSON.stringify([id, ...key.map(text), ...growth])
  return {
    ...{ detection: id, severity, title, ...found },
    what: what(found),
    key: createHash('sha256').update(identity).digest('hex'),
  }
}

const cannot = (id: string) =>
  usageError(
    `${id}: its events are only in Fabric, which this program cannot query`,
    'Check another sink of the same logs.',
  )
