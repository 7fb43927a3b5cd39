/** Reports of made answers, at a fixed time. */

import type { Answers } from '../../src/report/answers.js'
import { type FindingGroup, type Found, groupOf } from '../../src/report/findings.js'
import { type Report, reportPage } from '../../src/report/page.js'
import type { Row } from '../../src/rows.js'

export const NOW = new Date('2026-10-31T12:00:00Z')

export const answersOf = (rows: Readonly<Record<string, readonly Row[]>>): Answers => new Map(Object.entries(rows))

/** A report of October 2026. */
export const reportOf = (rows: Readonly<Record<string, readonly Row[]>>, more: Partial<Report> = {}): Report => ({
  sink: 'duckdb:audit.duckdb',
  range: { from: new Date('2026-10-01T00:00:00Z'), to: new Date('2026-11-01T00:00:00Z') },
  now: NOW,
  version: '1.2.3',
  masked: false,
  answers: answersOf(rows),
  findings: [],
  ...more,
})

/** Without the places where a name may be broken. */
export const pageOf = (rows: Readonly<Record<string, readonly Row[]>>, more: Partial<Report> = {}): string =>
  reportPage(reportOf(rows, more)).replaceAll('<wbr/>', '')

export const FINDING: Found = {
  severity: 'high',
  title: 'API key created soon after a log-in',
  what: 'An API key was created 20 seconds after a log-in.',
  at: '2026-10-02T22:00:00Z',
  until: null,
  actor: '7',
  actor_email: 'ada@example.com',
  address: '203.0.113.9',
  entity: null,
  subject: null,
}

/** Values as an attacker would choose them. */
export const HOSTILE = [
  '<script>alert(1)</script>',
  '</style><img src=x onerror=alert(1)>',
  `" onmouseover="alert(1)" x='`,
  '\u202egpj.exe\u202c',
  '\u0000\u001b[31m]]>',
  '&lt;b&gt;&#x3c;b&#x3e;',
  'javascript:alert(1)',
  '-->{{7*7}}',
]

/** An hour of each day for each category, and a row of each list with `text` wherever an event's own text can stand. */
export function rowsWith(text: string, days: readonly string[] = ['2026-10-02']): Record<string, Row[]> {
  const at = '2026-10-02T22:00:00Z'
  const person = { actor_user_id: text, actor_email: text, actor_ip: text, user_asset: `${text}2`, user_email: text }
  return {
    totals: [{ events: days.length, actors: 1, addresses: 1, refused: 0, newest: at }],
    hours: days.flatMap((day) =>
      ['auth', 'admin', 'write', 'read', text].map((category) => ({
        day,
        utc_hour: 22,
        category,
        events: 3,
        refused: 1,
      })),
    ),
    coverage: [{ first_day: days[0] ?? null, last_day: days.at(-1) ?? null, at_midnight: false, documents: 1 }],
    sources: [{ source: text, documents: 1, last_load: at, earliest: at, latest: at, total: 1 }],
    keys_created: [{ happened_at: at, ...person, total: 1 }],
    refused_logins: [{ ...person, refused: 2, succeeded: 1, last_refused: at, last_success: at, total: 1 }],
    new_addresses: [{ ...person, first_seen: at, last_seen: at, events: 1, known_since: at, total: 1 }],
    heavy_readers: [
      { ...person, day: '2026-10-02', reads: 90, median_reads: '2.5', other_days: 4, factor: 9, total: 1 },
    ],
    deletions: [{ ...person, action: text, events: 1, projects: 1, first_at: at, last_at: at, total: 1 }],
    admin_changes: [{ happened_at: at, ...person, action: text, entity_name: text, response_code: 200, total: 1 }],
    rejects: [{ reason: text, rejects: 1, documents: 1, last_at: at, total: 1 }],
    unknown_actions: [{ action: text, events: 1, last_seen: at, total: 1 }],
    unknown_keys: [{ undocumented_key: text, events: 1, last_seen: at, total: 1 }],
  }
}

/** What one detection found. */
export const grouped = (...findings: readonly Found[]): FindingGroup[] => {
  const group = groupOf(findings)
  return group === null ? [] : [group]
}
