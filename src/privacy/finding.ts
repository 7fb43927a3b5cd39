/** Finds in a sink what an erasure has to clear. */

import type { Erasure, PersonalQuestions, QueryResult, Value } from '../contract.js'
import { textOf } from '../transform/members.js'
import { type Shown, sortedExtra } from './shown.js'

/** How much of it was found: events by column, and the others by table. */
export type Counts = Readonly<Record<string, number>>

export interface Found {
  readonly erasure: Erasure
  readonly counts: Counts
}

interface Asked {
  query(sql: string): Promise<QueryResult>
  readonly questions: PersonalQuestions
}

/** Of the piece before: an address may begin there, each of its characters an escape. */
const BEFORE = 2048

/** Of what is no object. */
const NO_MEMBERS = sortedExtra('{}')

/** @param shown knows the persons */
export async function findErased({ query, questions }: Asked, shown: Shown): Promise<Found> {
  const counts: Record<string, number> = {}
  const count = (what: string, more = 1): void => {
    counts[what] = (counts[what] ?? 0) + more
  }
  const values = new Map<string, Set<string>>()
  const clear = (column: string, value: string): void => {
    values.set(column, (values.get(column) ?? new Set()).add(value))
  }

  for await (const [actor, user, actorEmail, userEmail, entity, project, report, artifact, events] of await rows(
    query,
    questions.names,
  )) {
    const named = {
      actor_email: actorEmail,
      user_email: userEmail,
      entity_name: entity,
      project_name: project,
      report_name: report,
      artifact_qualified_name: artifact,
    }
    const ids = new Map([
      ['actor_email', { column: 'actor_user_id', id: actor }],
      ['user_email', { column: 'user_asset', id: user }],
    ])
    for (const [column, value] of Object.entries(named)) {
      if (value == null) continue
      const id = ids.get(column)
      const byId = id?.id != null && shown.isErased('id', String(id.id))
      if (byId) clear(id.column, String(id.id))
      else if (shown.hidesPerson(column, String(value))) clear(column, String(value))
      else continue
      count(column, Number(events))
    }
  }

  const parts = questions.parts === undefined ? new Set<string>() : await mentioning(query, questions.parts, shown)
  const isErasedExtra = (extra: string): boolean => {
    // BigQuery keeps as a text what is nested deeper than its JSON may be.
    const json = textOf(extra) ?? ''
    const sorted = sortedExtra(json)
    const mentions = sorted === NO_MEMBERS ? shown.mentionsErased(json) : shown.extra(json) !== sorted
    return mentions || [...parts].some((id) => extra.includes(id))
  }

  const extras = new Set<string>()
  for await (const [hash, extra] of await rows(query, questions.extras))
    if (isErasedExtra(String(extra))) extras.add(String(hash))

  const conflicts = new Set<string>()
  for await (const [id, column, kept, other, actor, user] of await rows(query, questions.conflicts)) {
    const name = String(column)
    const texts = [kept, other].flatMap((value) => (value == null ? [] : [String(value)]))
    const owner = name === 'actor_email' ? actor : name === 'user_email' ? user : null
    const isErased =
      (owner != null && shown.isErased('id', String(owner))) ||
      texts.some((text) => (name === 'extra' ? isErasedExtra(text) : shown.hidesPerson(name, text)))
    if (isErased) conflicts.add(String(id))
  }

  const rejects = await mentioning(query, questions.rejects, shown)
  for (const [table, { size }] of Object.entries({ extra: extras, audit_conflicts: conflicts, audit_rejects: rejects }))
    if (size > 0) count(table, size)
  return { erasure: { values, extras, conflicts, parts, rejects }, counts }
}

/** The ids of the texts, in pieces, that mention an erased person. */
async function mentioning(query: Asked['query'], sql: string, shown: Shown): Promise<Set<string>> {
  const found = new Set<string>()
  let before = { id: '', text: '' }
  for await (const [id, , piece] of await rows(query, sql)) {
    const [text, same] = [String(piece), before.id === String(id)]
    if (shown.mentionsErased((same ? before.text : '') + text)) found.add(String(id))
    before = { id: String(id), text: text.slice(-BEFORE) }
  }
  return found
}

const rows = async (query: Asked['query'], sql: string): Promise<AsyncIterable<readonly Value[]>> =>
  (await query(sql)).rows
