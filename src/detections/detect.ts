/** Asks a sink what the detections find in a period. */

import { createHash } from 'node:crypto'
import type { Span } from '../../schemas/day-digest.js'
import { type Detection, type Found, SEVERITIES, type Severity } from '../../schemas/detections/detection.js'
import type { Sink, Value } from '../contract.js'
import { usageError } from '../errors.js'

/** Per detection and check: nobody reads more, and a script can cause any number. */
const MOST_FINDINGS = 1000
/** In characters; longer values are cut. */
const LONGEST_VALUE = 1000

/** What asks a sink for findings. */
export type Asked = Pick<Sink, 'id' | 'query' | 'questions'>

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
 * @param onFailed called for each detection whose statement fails, and the others go on; when absent, the error is thrown
 * @param attempt  runs the statement of a detection; throws an AuditError instead if it has killed a process of this run
 * @throws AuditError, exit code 2, when the sink's events cannot be asked for; AuditError when a statement fails
 */
export async function detect(
  sink: Asked,
  chosen: readonly Chosen[],
  { from, to }: Span,
  onFailed: (detection: Detection, error: unknown) => void = rethrown,
  attempt: (detection: Detection, work: () => Promise<Finding[]>) => Promise<Finding[]> = (_detection, work) => work(),
): Promise<Finding[]> {
  if (!canDetect(sink)) throw cannotDetect(sink.id)
  const span = { from: wholeSecond(from, Math.floor), to: wholeSecond(to, Math.ceil) }
  const findings: Finding[] = []
  for (const each of chosen) {
    try {
      findings.push(...(await attempt(each.detection, () => found(sink, each, span))))
    } catch (error) {
      onFailed(each.detection, error)
    }
  }
  return findings.sort(
    (a, b) => rank(b) - rank(a) || compare(a.at, b.at) || compare(a.detection, b.detection) || compare(a.key, b.key),
  )
}

function rethrown(_detection: Detection, error: unknown): never {
  throw error
}

const canDetect = ({ questions }: Pick<Sink, 'questions'>): boolean => questions.detection !== undefined

/**
 * The sinks whose events can be asked for.
 *
 * @param onLeftOut    called with why another one is not checked
 * @param othersFailed whether another sink was named, but failed earlier
 * @throws AuditError, exit code 2, when there is none
 */
export function askable<S extends Pick<Sink, 'id' | 'questions'>>(
  sinks: readonly S[],
  onLeftOut: (why: string) => void,
  othersFailed = false,
): readonly S[] {
  const able = sinks.filter(canDetect)
  for (const { id } of sinks.filter((sink) => !canDetect(sink))) {
    if (able.length === 0 && !othersFailed) throw cannotDetect(id)
    onLeftOut(`${cannotDetect(id).message}: it is not checked`)
  }
  return able
}

async function found({ query, questions }: Asked, { detection, parameters = {} }: Chosen, span: Span) {
  const statement = (await questions.detection?.(detection, span, parameters)) ?? ''
  const { columns, rows } = await query(newestFound(statement))
  const names = columns.map(({ name }) => name)
  const findings: Finding[] = []
  for await (const row of rows) findings.push(finding(detection, new Map(names.map((name, i) => [name, row[i]]))))
  const last = findings.at(MOST_FINDINGS)
  return last === undefined ? findings : [...findings.slice(0, MOST_FINDINGS), tooMany(detection, findings[0] ?? last)]
}

/** The statement of a detection for its newest findings, and one more to tell whether there are more. */
export const newestFound = (statement: string): string =>
  `SELECT * FROM (${statement}) AS found ORDER BY started_at DESC LIMIT ${MOST_FINDINGS + 1}`

/** Stands for those not listed; one per day. */
function tooMany({ id, severity, title }: Detection, { at }: Finding): Finding {
  return {
    ...{ detection: id, severity, title: `More findings than are listed: ${title}`, at, until: null },
    ...{ actor: null, actor_email: null, address: null, entity: null, subject: null },
    ...{ events: MOST_FINDINGS + 1, usual: null, various: null, seconds: null },
    what: `More than ${MOST_FINDINGS} findings; only the newest are listed. Check fewer days to see the others.`,
    key: keyOf([id, 'more', at.slice(0, 10)]),
  }
}

const keyOf = (identity: readonly (string | null)[]): string =>
  createHash('sha256').update(JSON.stringify(identity)).digest('hex')

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
    actor: shortened(text('actor')),
    actor_email: shortened(text('actor_email')),
    address: shortened(text('address')),
    entity: shortened(text('entity')),
    subject: shortened(text('subject')),
    events: number('events') ?? 0,
    usual: number('usual'),
    various: number('various'),
    seconds: number('seconds'),
  }
  // What has grown by ten times in a day is reported again: a small finding must not hide a large one.
  const growth = key.includes('day') ? [`${String(found.events).length} digits`] : []
  return {
    ...{ detection: id, severity, title, ...found },
    what: what(found),
    key: keyOf([id, ...key.map(text), ...growth]),
  }
}

/** A copy, between characters: a slice would keep the whole text in memory. */
function shortened(text: string | null): string | null {
  if (text === null || text.length <= LONGEST_VALUE) return text
  const characters = [...text.slice(0, 2 * LONGEST_VALUE + 2)]
  return characters.length <= LONGEST_VALUE ? text : `${characters.slice(0, LONGEST_VALUE).join('')}…`
}

const cannotDetect = (id: string) =>
  usageError(
    `${id}: its events are only in Fabric, which this program cannot query`,
    'Check another sink of the same logs.',
  )
