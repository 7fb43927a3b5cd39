/** What a detection is. Each stands in a file of its own here, and is written once for the SQL of all warehouses. */

import type { z } from 'zod'
import type { Span } from '../day-digest.js'
import type { HashForms } from '../hash-check.js'

/** From the least to the most severe. */
export const SEVERITIES = ['low', 'medium', 'high'] as const
export type Severity = (typeof SEVERITIES)[number]

/** The /24 network of an IPv4 address, also of one mapped to IPv6, and about the /48 one of IPv6; valid in every warehouse's regular expressions. */
export const NETWORK_PATTERN =
  '^::[fF][fF][fF][fF]:[0-9]+[.][0-9]+[.][0-9]+[.]|^[0-9]+[.][0-9]+[.][0-9]+[.]|^[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:'

/** What the warehouses write differently. Arguments are SQL expressions. */
export interface DetectionForms extends HashForms {
  /** A table's quoted name, as a statement may use it. */
  table(name: string): string
  /** SELECTs timestamp and key, a row for each key of the JSON objects in column `json` of `events`. */
  keys(events: string, json: string): string
  /** The network that an address belongs to, as text; the address itself where it has no known form. */
  network(address: string): string
}

/** https://attack.mitre.org/techniques/enterprise/ */
export interface Technique {
  readonly id: string
  readonly name: string
}

/** The columns that the statement of a detection may have. A finding has all of them; what is absent is null. */
export interface Found {
  /** When it began, and, if it lasted, when it ended: `2026-10-01T12:34:56Z`, with a fraction where there is one. */
  readonly at: string
  readonly until: string | null
  /** The id of the actor, or the e-mail address if there is no id. */
  readonly actor: string | null
  readonly actor_email: string | null
  readonly address: string | null
  /** The team or entity acted on: its name, or its id. */
  readonly entity: string | null
  /** What else it is about: the user acted on, an action, a key, a source. */
  readonly subject: string | null
  /** How many events it consists of. */
  readonly events: number
  /** What would have been usual, to compare `events` with. */
  readonly usual: number | null
  /** How many different objects, actors or networks were involved. */
  readonly various: number | null
  /** How long it took, or how long ago the event before was. */
  readonly seconds: number | null
}

export interface Detection {
  readonly id: string
  readonly title: string
  readonly severity: Severity
  /** Why it matters. */
  readonly why: string
  /** What is normal, and how to tell. */
  readonly normal: string
  readonly technique: Technique | null
  readonly parameters: z.ZodObject
  /** The columns of the result that tell one finding from another, also when more of its events are loaded. */
  readonly key: readonly string[]
  /** How many days before the period the statement reads. */
  historyDays(parameters: unknown): number
  /**
   * One SELECT with columns of Found and those of `key`. Its result depends only on the tables, not on the order of loads.
   *
   * @param span       the period that is checked, to the second
   * @param parameters those that differ from their defaults
   */
  sql(forms: DetectionForms, span: Span, parameters: unknown): string
  /** What happened, in one sentence without any value that someone outside chose. */
  what(found: Found): string
}

type Declared<P extends z.ZodObject> = Omit<Detection, 'parameters' | 'historyDays' | 'sql'> & {
  readonly parameters: P
  historyDays(parameters: z.output<P>): number
  sql(forms: DetectionForms, span: Span, parameters: z.output<P>): string
}

/** Declares a detection whose functions get all parameters, with their types. */
export const detection = <P extends z.ZodObject>(declared: Declared<P>): Detection => ({
  ...declared,
  historyDays: (given) => declared.historyDays(declared.parameters.parse(given)),
  sql: (forms, span, given) => declared.sql(forms, span, declared.parameters.parse(given)),
})
