/** Questions for sinks whose files DuckDB reads: only the files of the days asked for. */

import { hourDigests, identities, newestEvent, type Span } from '../../schemas/day-digest.js'
import type { Questions } from '../../src/contract.js'
import { DUCKDB_SQL } from './duckdb-forms.js'
import { eventsOfDays } from './lake-query.js'
import { questions, statusOn } from './questions.js'
import { reportQuestions, reportSpan } from './report.js'

const DAY_MS = 86_400_000

/**
 * @param eventsIn the relation with the events of the days that overlap the spans
 * @param days     the UTC days with events, ordered
 */
export function lakeQuestions(
  eventsIn: (spans: readonly Span[]) => Promise<string>,
  days: () => Promise<string[]>,
): Questions {
  return {
    ...questions(DUCKDB_SQL),
    status: async (count) => statusOn(DUCKDB_SQL, eventsOfDays((await days()).toReversed().slice(0, count)), count),
    detection: async (detection, span, parameters) => {
      const from = new Date(span.from.getTime() - detection.historyDays(parameters) * DAY_MS)
      const events = await eventsIn([{ from, to: span.to }])
      const table = (name: string): string => (name === 'audit_events' ? events : DUCKDB_SQL.table(name))
      return detection.sql({ ...DUCKDB_SQL, table }, span, parameters)
    },
    report: async (range) => reportQuestions(DUCKDB_SQL, range, await eventsIn([reportSpan(range)])),
    newest: async (span) => newestEvent(DUCKDB_SQL, await eventsIn([span]), span),
    hourDigests: async (span, salt) => hourDigests(DUCKDB_SQL, await eventsIn([span]), span, salt),
    identities: async (spans) => identities(DUCKDB_SQL, await eventsIn(spans), spans),
  }
}
