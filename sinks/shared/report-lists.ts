/** The lists of a report: at most 50 rows each, with `total`, the number of all rows. */

import type { Span } from '../../schemas/day-digest.js'
import { RECORD_FIELDS } from '../../schemas/tables.js'
import type { Question } from '../../src/contract.js'
import type { SqlForms } from './questions.js'

const DAY_MS = 86_400_000
export const DAY_US = 86_400_000_000

const MOST_ROWS = 50
/** Longer texts are cut, because an attacker may have chosen their length. */
const MOST_CHARACTERS = 300
/** How far back "before" reaches for addresses and reads, so that not everything has to be read. */
const DAYS_BEFORE = 90
/** Days with fewer artifact reads are never remarkable. */
const LEAST_READS = 10

/** The days whose events are read: those of the report, and those before, with which it compares them. */
export const reportSpan = ({ from, to }: Span): Span => ({ from: new Date(from.getTime() - DAYS_BEFORE * DAY_MS), to })

/** Fragments of the statements; `e` is an event. */
export type Parts = ReturnType<typeof partsOf>

/** @param all the relation with at least the events of `reportSpan` */
export function partsOf({ column, instant }: SqlForms, range: Span, all: string) {
  const at = column('timestamp')
  const within = ({ from, to }: Span, when: string): string =>
    `${when} >= ${instant(from)} AND ${when} < ${instant(to)}`
  const isRefused = 'coalesce(e.response_code, 200) >= 400'
  return {
    all,
    at,
    range,
    within,
    isRefused,
    events: `(SELECT * FROM ${all} WHERE ${within(range, at)}) AS e`,
    eventsBefore: `(SELECT * FROM ${all} WHERE ${within(reportSpan(range), at)}) AS e`,
    firstDay: `DATE '${range.from.toISOString().slice(0, 10)}'`,
    who: 'coalesce(e.actor_user_id, e.actor_email)',
    count: (condition: string): string => `CAST(sum(CASE WHEN ${condition} THEN 1 ELSE 0 END) AS BIGINT)`,
  }
}

const cut = (text: string, name: string): string => `SUBSTR(${text}, 1, ${MOST_CHARACTERS}) AS ${name}`
const cutAll = (...names: readonly string[]): string => names.map((name) => cut(`e.${name}`, name)).join(', ')
/** One of a group; ids and names may differ from event to event. */
const oneOf = (...names: readonly string[]): string => names.map((name) => cut(`max(e.${name})`, name)).join(', ')

/** @param order must end in what makes it the same in every run */
const list = (rows: string, order: string, ctes = ''): string => `${ctes}
          SELECT *, count(*) OVER () AS total FROM (${rows}
          ) AS listed
          ORDER BY ${order} LIMIT ${MOST_ROWS}`

export const reportLists = (forms: SqlForms, parts: Parts): readonly Question[] => [
  ...people(forms, parts),
  ...health(forms, parts),
]

/** Who did what. */
function people({ table, utcDay, microseconds, instant }: SqlForms, parts: Parts): readonly Question[] {
  const { at, events, eventsBefore, firstDay, who, isRefused, count, range } = parts
  const actions = table('audit_actions')
  const worked = `e.action = 'user:login' AND NOT ${isRefused}`
  return [
    {
      name: 'keys_created',
      title: 'API keys created',
      sql: list(
        `
            SELECT e.${at} AS happened_at, ${cutAll('actor_user_id', 'actor_email', 'user_asset', 'user_email', 'actor_ip')},
              e.content_hash
            FROM ${events} WHERE e.action = 'user:create_api_key' AND NOT ${isRefused}`,
        'happened_at DESC, content_hash',
      ),
    },
    {
      name: 'refused_logins',
      title: 'Refused log-ins',
      sql: list(
        `
            SELECT * FROM (
              SELECT ${oneOf('actor_user_id', 'actor_email', 'actor_ip')}, ${count(isRefused)} AS refused,
                ${count(worked)} AS succeeded, max(CASE WHEN ${isRefused} THEN e.${at} END) AS last_refused,
                max(CASE WHEN ${worked} THEN e.${at} END) AS last_success
              FROM ${events} WHERE e.action IN ('user:login', 'user:initiate_login')
              GROUP BY ${who}, e.actor_ip
            ) AS logins WHERE refused > 0`,
        'refused DESC, last_refused DESC, actor_user_id, actor_email, actor_ip',
      ),
    },
    {
      name: 'new_addresses',
      title: 'Addresses first seen',
      // An actor counts as known once seen a day before the address.
      sql: list(
        `
            SELECT actor_user_id, actor_email, actor_ip, first_seen, last_seen, events, known_since
            FROM (
              SELECT *, min(first_seen) OVER (PARTITION BY who) AS known_since FROM (
                SELECT ${who} AS who, ${oneOf('actor_user_id', 'actor_email', 'actor_ip')},
                  min(e.${at}) AS first_seen, max(e.${at}) AS last_seen, count(*) AS events
                FROM ${eventsBefore} WHERE e.actor_ip IS NOT NULL AND ${who} IS NOT NULL
                GROUP BY ${who}, e.actor_ip
              ) AS pairs
            ) AS addresses
            WHERE first_seen >= ${instant(range.from)}
              AND ${microseconds('first_seen')} - ${microseconds('known_since')} >= ${DAY_US}`,
        'first_seen DESC, actor_user_id, actor_email, actor_ip',
      ),
    },
    {
      name: 'heavy_readers',
      title: "Heaviest day of artifact reads beside the actor's own median",
      // Not every dialect has a median: of d values in order, the n-th is in the middle if 2n lies between d and d + 2.
      sql: list(
        `
            SELECT actor_user_id, actor_email, day, reads, coalesce(median_reads, 0) AS median_reads,
              coalesce(other_days, 0) AS other_days,
              reads / CASE WHEN coalesce(median_reads, 0) < ${LEAST_READS} THEN ${LEAST_READS}.0 ELSE median_reads END AS factor
            FROM (
              SELECT r.*, m.median_reads, m.other_days FROM ranked AS r LEFT JOIN (
                SELECT who, avg(1.0 * reads) AS median_reads, max(days) AS other_days FROM (
                  SELECT who, reads, row_number() OVER (PARTITION BY who ORDER BY reads, day) AS n,
                    count(*) OVER (PARTITION BY who) AS days
                  FROM ranked WHERE rank_of_day > 1
                ) AS others WHERE 2 * n BETWEEN days AND days + 2 GROUP BY who
              ) AS m ON m.who = r.who WHERE r.rank_of_day = 1
            ) AS heaviest WHERE day >= ${firstDay} AND reads >= ${LEAST_READS}`,
        'factor DESC, reads DESC, actor_user_id, actor_email',
        `
          WITH daily AS (
            SELECT ${who} AS who, ${utcDay(`e.${at}`)} AS day, ${oneOf('actor_user_id', 'actor_email')}, count(*) AS reads
            FROM ${eventsBefore} WHERE e.action = 'artifact:read' AND ${who} IS NOT NULL AND NOT ${isRefused} GROUP BY 1, 2
          ), ranked AS (
            SELECT daily.*, row_number() OVER (
              PARTITION BY who ORDER BY CASE WHEN day >= ${firstDay} THEN reads ELSE 0 END DESC, day DESC
            ) AS rank_of_day FROM daily
          )`,
      ),
    },
    {
      name: 'deletions',
      title: 'Deletions and other removals',
      sql: list(
        `
            SELECT ${oneOf('actor_user_id', 'actor_email')}, ${cut('e.action', 'action')}, count(*) AS events,
              count(DISTINCT e.project_asset) AS projects, min(e.${at}) AS first_at, max(e.${at}) AS last_at
            FROM ${events} LEFT JOIN ${actions} AS a ON a.action = e.action
            WHERE (a.destructive OR (a.action IS NULL AND e.action LIKE '%:delete%')) AND NOT ${isRefused}
            GROUP BY ${who}, e.action`,
        'events DESC, last_at DESC, action, actor_user_id, actor_email',
      ),
    },
    {
      name: 'admin_changes',
      title: 'Changes to users, teams and the organization',
      sql: list(
        `
            SELECT e.${at} AS happened_at,
              ${cutAll('action', 'actor_user_id', 'actor_email', 'user_asset', 'user_email', 'entity_asset', 'entity_name', 'actor_ip')},
              e.response_code, e.content_hash
            FROM ${events} WHERE e.action IN (SELECT action FROM ${actions} WHERE category = 'admin')`,
        'happened_at DESC, content_hash',
      ),
    },
  ]
}

/** Whether all is as it should be. */
function health({ table, keys }: SqlForms, { all, at, events, range, within }: Parts): readonly Question[] {
  const known = RECORD_FIELDS.map((field) => `'${field}'`).join(', ')
  return [
    {
      name: 'sources',
      title: 'Sources',
      sql: list(
        `
            SELECT ${cut('source', 'source')}, documents, last_load, earliest, latest FROM (
              SELECT source, count(DISTINCT document) AS documents, max(loaded_at) AS last_load,
                min(range_from) AS earliest, max(range_to) AS latest
              FROM ${table('audit_documents')} GROUP BY source
            ) AS by_source`,
        'last_load DESC, source',
      ),
    },
    {
      name: 'rejects',
      title: 'Lines that could not become events',
      sql: list(
        `
            SELECT reason, count(*) AS rejects, count(DISTINCT source_document) AS documents, max(loaded_at) AS last_at
            FROM ${table('audit_rejects')} WHERE ${within(range, 'loaded_at')} GROUP BY reason`,
        'rejects DESC, reason',
      ),
    },
    {
      name: 'unknown_actions',
      title: 'Actions that W&B does not document',
      sql: list(
        `
            SELECT ${cut('e.action', 'action')}, count(*) AS events, max(e.${at}) AS last_seen
            FROM ${events} WHERE e.action NOT IN (SELECT action FROM ${table('audit_actions')}) GROUP BY e.action`,
        'events DESC, last_seen DESC, action',
      ),
    },
    {
      name: 'unknown_keys',
      title: 'Keys that W&B does not document',
      sql: list(
        `
            SELECT ${cut('key', 'undocumented_key')}, count(*) AS events, max(${at}) AS last_seen
            FROM (${keys(`(SELECT ${at}, extra FROM ${all} WHERE ${within(range, at)}) AS recent`, 'extra')}) AS kept
            WHERE key NOT IN (${known}) GROUP BY key`,
        'events DESC, last_seen DESC, undocumented_key',
      ),
    },
  ]
}
