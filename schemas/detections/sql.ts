/** Parts of statements that several detections share. Times are compared as integers, microseconds since 1970 UTC. */

import { z } from 'zod'
import { isWithin, type Span } from '../day-digest.js'
import type { DetectionForms } from './detection.js'

const SECOND_MS = 1000
const DAY_MS = 86_400 * SECOND_MS

export const SECOND = 1_000_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** A parameter that is a number of at least one. */
export const number = (byDefault: number, meaning: string) =>
  z.int().min(1).max(1e9).default(byDefault).describe(meaning)

/** A number of days. More would read more than a run every ten minutes should. */
export const days = (byDefault: number, meaning: string) => z.int().min(1).max(400).default(byDefault).describe(meaning)

export const ACTOR = 'coalesce(actor_user_id, actor_email)'
export const SUCCEEDED = 'coalesce(response_code, 200) < 400'
export const REFUSED = 'response_code >= 400'
/** The team or entity acted on. */
export const ENTITY = 'coalesce(entity_name, entity_asset)'
/** The user acted on. */
export const TARGET = 'coalesce(user_email, user_asset)'

/** The same span, begun so many days earlier. */
export const withHistory = ({ from, to }: Span, earlier: number): Span => ({
  from: new Date(Math.max(from.getTime() - earlier * DAY_MS, Date.UTC(1, 0))),
  to,
})

/** The same span, begun at the start of its first UTC day. */
export const fromMidnight = ({ from, to }: Span): Span => ({
  from: new Date(Math.floor(from.getTime() / DAY_MS) * DAY_MS),
  to,
})

/** An instant as an integer. */
export const micros = (at: Date): string => String(BigInt(at.getTime()) * 1000n)

/** Whether the column `us` lies in the span, where rows before it are read too. */
export const isIn = ({ from, to }: Span, us = 'us'): string => `${us} >= ${micros(from)} AND ${us} < ${micros(to)}`

/** SELECT … FROM audit_events of a span, with the instant as `us` too. */
export function eventsOf(forms: DetectionForms, span: Span, columns: readonly string[], condition: string): string {
  const at = forms.column('timestamp')
  return `
  SELECT ${[at, `${forms.microseconds(at)} AS us`, ...columns].join(', ')}
  FROM ${forms.table('audit_events')}
  WHERE ${isWithin(forms, [span])} AND ${condition}`
}

/** Difference of two integers in whole seconds. */
export const seconds = (us: string): string => `CAST(ROUND((${us}) / ${SECOND}.0) AS BIGINT)`
