/** The record as the API and the bucket serve it: one JSON object a line. */

import { z } from 'zod'
import { AUDIT_EVENTS, RECORD_FIELDS } from './tables.js'
import { TIMESTAMP_PATTERN, type TimestampProblem, timestampProblem } from './timestamp.js'

export { timestampProblem }

export interface RecordProblem {
  readonly reason: TimestampProblem['reason'] | 'not_an_object' | 'no_timestamp' | 'no_action'
  /** What is wrong, in words, without any value of the record. */
  readonly message: string
}

const MEANINGS = new Map(AUDIT_EVENTS.columns.map((column) => [column.name, column.meaning]))

/** The key `name` with the meaning of its column, of whatever JSON type: its text is what counts, null is as if absent. */
const text = (name: string) =>
  z
    .unknown()
    .optional()
    .describe(MEANINGS.get(name) ?? name)

const optionalFields = Object.fromEntries(
  RECORD_FIELDS.filter((name) => name !== 'timestamp' && name !== 'action').map((name) => [name, text(name)]),
)

/**
 * What a line must be to become an event: an object with an instant and an action. Everything else finds a place in
 * its column or in `extra`, so nothing else is demanded.
 */
export const auditRecord = z
  .looseObject({
    timestamp: z
      .string()
      .refine((value) => timestampProblem(value) === null)
      .meta({ description: MEANINGS.get('timestamp'), pattern: TIMESTAMP_PATTERN }),
    action: z
      .unknown()
      .refine((value) => value !== undefined && value !== null)
      .meta({ description: MEANINGS.get('action'), not: { type: 'null' } }),
    ...optionalFields,
  })
  .meta({
    title: 'W&B audit record',
    description: 'One line of a W&B audit log. Keys not listed here are allowed and kept; null means absent.',
  })

/**
 * Says why a parsed JSON value is not an event; null when it is one. Of several problems it names the first in the
 * order object, timestamp, action.
 */
export function recordProblem(value: unknown): RecordProblem | null {
  const { error } = auditRecord.safeParse(value, { reportInput: true })
  if (error === undefined) return null
  if (error.issues.some(({ path }) => path.length === 0))
    return { reason: 'not_an_object', message: 'the line is JSON, but not an object' }
  const issue = error.issues.find(({ path }) => path[0] === 'timestamp')
  if (issue === undefined) return { reason: 'no_action', message: 'action is missing or null' }
  if (typeof issue.input === 'string') return timestampProblem(issue.input)
  return issue.input === undefined || issue.input === null
    ? { reason: 'no_timestamp', message: 'timestamp is missing or null' }
    : { reason: 'bad_timestamp', message: 'timestamp is not a string' }
}
