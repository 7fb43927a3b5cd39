/** `status` without reading all events: the days that have some are in the metadata, and only the newest are looked at. */

import { BIGQUERY } from '../../schemas/ddl.js'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import type { Question } from '../../src/contract.js'
import { questions } from '../shared/questions.js'
import type { BigQueryAddress } from './address.js'
import { MOST_SPANS, merged, unpartitioned, within } from './days.js'
import { bigquerySql } from './forms.js'
import type { Names } from './tables.js'

/**
 * The partitions of a table that have rows, the newest first; those that are no day before all of them. Parameters: table, partitions.
 * https://cloud.google.com/bigquery/docs/information-schema-partitions
 */
export const partitionsQuery = ({ project, dataset }: BigQueryAddress): string => `SELECT partition_id
FROM ${[project, dataset].map(BIGQUERY.quote).join('.')}.INFORMATION_SCHEMA.PARTITIONS
WHERE table_name = @table AND total_rows > 0
GROUP BY partition_id ORDER BY partition_id DESC LIMIT @partitions`

/** Rows of years that have no partition of their own are in this one. */
const UNPARTITIONED = '__UNPARTITIONED__'

/** So many partitions hold the newest `days`, whatever stands before them. */
export const partitionsFor = (days: number): number => days + [UNPARTITIONED, '__NULL__'].length

/** @param partitions what `partitionsQuery` gives */
export function statusQuestions(names: Names, partitions: readonly string[], days: number): Question[] {
  const events = newestEvents(names, partitions, days)
  const forms = bigquerySql((name) => (name === AUDIT_EVENTS.name ? events : names.from(name)))
  return questions(forms)
    .status(days)
    .map((each) => (each.name.startsWith('unknown_') ? { ...each, title: `${each.title}, of these days` } : each))
}

/** What stands in FROM. */
function newestEvents({ full }: Names, partitions: readonly string[], days: number): string {
  const at = BIGQUERY.quote('timestamp')
  const newest = partitions
    .flatMap((id) => (/^\d{8}$/.test(id) ? [Date.parse(id.replace(/(....)(..)(..)/, '$1-$2-$3')) / 86_400_000] : []))
    .slice(0, days)
  const spans = newest.length === 0 ? 'FALSE' : within(at, merged(newest.toReversed(), MOST_SPANS))
  const others = partitions.includes(UNPARTITIONED) ? ` OR ${unpartitioned(at)}` : ''
  return `(SELECT * FROM ${full(AUDIT_EVENTS.name)} WHERE ${spans}${others})`
}
