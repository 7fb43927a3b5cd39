/** The questions of `status`, `rejects`, `reconcile` and `verify`: one text for all SQL warehouses, which differ in a few forms only. */

import { hourDigests, identities, newestEvent, type Span } from '../../schemas/day-digest.js'
import type { Detection, DetectionForms } from '../../schemas/detections/detection.js'
import { eventDigests, eventRows, rejectDigests, rejectRows } from '../../schemas/proof.js'
import { RECORD_FIELDS } from '../../schemas/tables.js'
import type { OcsfForms } from '../../schemas/views/ocsf.js'
import type { PersonalQuestions, Question, Questions } from '../../src/contract.js'
import { reportedQuery } from './findings.js'
import { reportQuestions } from './report.js'

export interface SqlForms extends DetectionForms, Pick<OcsfForms, 'jsonString' | 'fromJsonText'> {
  /** Condition that selects the last `days` days, if reading all events is expensive; otherwise all events count. */
  recent?(instant: string, days: number): string
}

/** The questions that need no query to be known. */
export interface SqlQuestions extends Questions {
  status(days: number): readonly Question[]
  report(range: Span): readonly Question[]
  readonly personal: PersonalQuestions
  detection(detection: Detection, span: Span, parameters: unknown): string
  newest(span: Span): string
  hourDigests(span: Span, salt: string): string
  identities(spans: readonly Span[]): string
}

/** Columns that may name a person. */
const NAMING = 'actor_email, user_email, entity_name, project_name, report_name, artifact_qualified_name'

/**
 * The questions of `status` over some days only.
 *
 * @param events the relation with the events of these days
 */
export const statusOn = (forms: SqlForms, events: string, days: number): Question[] =>
  questions({ ...forms, table: (name) => (name === 'audit_events' ? events : forms.table(name)) })
    .status(days)
    .filter(({ name }) => name !== MISSING_EVENTS)
    .map((each) => (each.name.startsWith('unknown_') ? { ...each, title: `${each.title}, on these days` } : each))

const MISSING_EVENTS = 'missing_events'

/**
 * No load deletes an event, so there are never fewer than all loads have inserted. Warehouses count rows without reading them;
 * a lake would have to fetch every file.
 */
export const missingEvents = ({ table }: SqlForms): Question => ({
  name: MISSING_EVENTS,
  title: 'Events that were loaded and are missing now; `verify` says which',
  sql: `
          SELECT inserted, events, inserted - events AS missing
          FROM (
            SELECT (SELECT CAST(coalesce(sum(inserted), 0) AS BIGINT) FROM ${table('audit_loads')}) AS inserted,
              (SELECT count(*) FROM ${table('audit_events')}) AS events
          ) AS counted
          WHERE events < inserted`,
})

export function questions(forms: SqlForms): SqlQuestions {
  const { table, column, utcDay, keys, recent } = forms
  const [events, rejects, pieces, conflicts, documents, actions] = [
    table('audit_events'),
    table('audit_rejects'),
    table('audit_reject_pieces'),
    table('audit_conflicts'),
    table('audit_documents'),
    table('audit_actions'),
  ]
  const at = column('timestamp')
  const where = (days: number, instant = at): string => (recent === undefined ? '' : ` WHERE ${recent(instant, days)}`)
  const eventsOf = (days: number): string =>
    recent === undefined ? events : `(SELECT action, ${at}, extra FROM ${events}${where(days)}) AS recent`
  const ofLast = (days: number): string => (recent === undefined ? '' : `, of the last ${days} days`)
  const known = RECORD_FIELDS.map((field) => `'${field}'`).join(', ')
  return {
    status: (days) => [
      {
        name: 'sources',
        title: 'Sources',
        sql: `
          SELECT source, count(DISTINCT document) AS documents, max(loaded_at) AS last_load,
            min(range_from) AS earliest, max(range_to) AS latest
          FROM ${documents} GROUP BY source ORDER BY source`,
      },
      {
        name: 'days',
        title: `Events by UTC day, and rejects by the day they were loaded, of the last ${days} days${recent === undefined ? ' there are' : ''}`,
        sql: `
          WITH documents AS (SELECT document, min(source) AS source FROM ${documents} GROUP BY document),
          counted AS (
            SELECT source_document, ${utcDay(at)} AS day, count(*) AS events, 0 AS rejects
            FROM ${events}${where(days)} GROUP BY 1, 2
            UNION ALL
            SELECT source_document, ${utcDay('loaded_at')} AS day, 0 AS events, count(*) AS rejects
            FROM ${rejects}${where(days, 'loaded_at')} GROUP BY 1, 2
          ),
          latest AS (SELECT DISTINCT day FROM counted ORDER BY day DESC LIMIT ${days})
          SELECT counted.day AS day, coalesce(documents.source, '(receipt deleted)') AS source,
            CAST(sum(counted.events) AS BIGINT) AS events, CAST(sum(counted.rejects) AS BIGINT) AS rejects
          FROM counted
          JOIN latest ON latest.day = counted.day
          LEFT JOIN documents ON documents.document = counted.source_document
          GROUP BY 1, 2 ORDER BY 1, 2`,
      },
      {
        name: 'conflicts',
        title: 'Values that contradict the row of their event, kept in audit_conflicts',
        sql: `
          SELECT column_name, count(*) AS conflicts, CAST(sum(events) AS BIGINT) AS events, max(loaded_at) AS last_met
          FROM ${conflicts} GROUP BY column_name ORDER BY column_name`,
      },
      {
        name: 'unknown_actions',
        title: `Actions that W&B does not document${ofLast(days)}`,
        sql: `
          SELECT action, count(*) AS events, max(${at}) AS last_seen FROM ${eventsOf(days)}
          WHERE action NOT IN (SELECT action FROM ${actions}) GROUP BY action ORDER BY events DESC, action`,
      },
      {
        name: 'unknown_keys',
        title: `Keys that W&B does not document, kept in extra${ofLast(days)}`,
        sql: `
          SELECT key, count(*) AS events, max(${at}) AS last_seen FROM (${keys(eventsOf(days), 'extra')}) AS kept
          WHERE key NOT IN (${known}) GROUP BY key ORDER BY events DESC, key`,
      },
      missingEvents(forms),
    ],
    reported: (since) => reportedQuery(forms, since),
    detection: (detection, span, parameters) => detection.sql(forms, span, parameters),
    report: (range) => [...reportQuestions(forms, range), missingEvents(forms)],
    newest: (span) => newestEvent(forms, events, span),
    hourDigests: (span, salt) => hourDigests(forms, events, span, salt),
    identities: (spans) => identities(forms, events, spans),
    proof: {
      jsonKept: forms.jsonKept,
      eventDigests: (span, salt) => eventDigests(forms, events, span, salt, forms.jsonKept === 'text'),
      events: (span) => eventRows(forms, events, span),
      keepsNul: forms.isBase64 === undefined,
      rejectDigests: (salt) => rejectDigests(forms, rejects, salt, forms.isBase64?.('')),
      rejects: rejectRows(forms, rejects, pieces),
      receipts: `SELECT source, document, sha256 FROM ${documents}`,
    },
    personal: {
      names: `
      SELECT actor_user_id, user_asset, ${NAMING}, count(*) AS events
      FROM ${events}
      WHERE coalesce(${NAMING}) IS NOT NULL
      GROUP BY 1, 2, 3, 4, 5, 6, 7, 8`,
      extras: `SELECT content_hash, extra FROM ${events} WHERE extra IS NOT NULL`,
      conflicts: `
      SELECT c.conflict_id, c.column_name, c.kept, c.other, e.actor_user_id, e.user_asset
      FROM ${conflicts} AS c
      LEFT JOIN (SELECT ${at}, content_hash, actor_user_id, user_asset FROM ${events}) AS e
        ON e.${at} = c.${at} AND e.content_hash = c.content_hash`,
      rejects: `
      SELECT reject_id, 1 AS piece, ${column('raw')} FROM ${rejects}
      UNION ALL SELECT reject_id, piece, ${column('raw')} FROM ${pieces}
      ORDER BY reject_id, piece`,
    },
    rejectsByDocument: `SELECT source_document, count(*) AS rejects FROM ${rejects} GROUP BY source_document`,
    rejects: `
      SELECT loaded_at, reason, source_document, source_line, message FROM ${rejects}
      ORDER BY loaded_at, source_document, source_line`,
    rawRejects: `
      SELECT reason, raw, coalesce(next_id = reject_id, false) AS more
      FROM (
        SELECT *, lead(reject_id) OVER (ORDER BY source_document, source_line, reject_id, piece) AS next_id
        FROM (
          SELECT reject_id, source_document, source_line, reason, 1 AS piece, raw FROM ${rejects}
          UNION ALL
          SELECT r.reject_id, r.source_document, r.source_line, r.reason, p.piece, p.raw
          FROM ${rejects} AS r JOIN ${pieces} AS p ON p.reject_id = r.reject_id
        ) AS all_pieces
      ) AS with_next
      ORDER BY source_document, source_line, reject_id, piece`,
  }
}
