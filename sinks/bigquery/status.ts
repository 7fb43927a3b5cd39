/** `status` without scanning all events: the metadata lists the days with rows, and only the newest days are read. */

import { BIGQUERY } from '../../schemas/ddl.js'
import { AUDIT_EVENTS } from '../../schemas/tables.js'
import type { Question } from '../../src/contract.js'
import { missingEvents, statusOn } from '../shared/questions.js'
import { spansOf, wholeDay } from '../shared/spans.js'
import type { BigQueryAddress } from './address.js'
import { MOST_SPANS, unpartitioned, within } from './days.js'
import { bigquerySql } from './forms.js'
import type { Names } from './tables.js'

/**
 * The partitions of a table with rows, newest first; partitions that are not a day come before all others. Parameters: table, partitions.
 * https://cloud.google.com/bigquery/docs/information-schema-partitions
 */
export const partitionsQuery = ({ project, dataset }: BigQueryAddress): string => `SELECT partition_id
FROM ${[project, dataset].map(BIGQUERY.quote).join('.')}.INFORMATION_SCHEMA.PARTITIONS
WHERE table_name = @table AND total_rows > 0
GROUP BY partition_id ORDER BY partition_id DESC LIMIT @partitions`

/** Holds the rows of years outside the range of daily partitions. */
const UNPARTITIONED = '__UNPARTITIONED__'

/** How many partitions to ask for to get the newest `days`, which may follow partitions that are not a day. */
export const partitionsFor = (days: number): number => days + [UNPARTITIONED, '__NULL__'].length

/** @param partitions the result of `partitionsQuery` */
export function statusQuestions(names: Names, partitions: readonly string[], days: number): Question[] {
  const forms = bigquerySql(names.from)
  return [...statusOn(forms, newestEvents(names, partitions, days), days), missingEvents(forms)]
}

/** The newest days of audit_events, for FROM. */
function newestEvents({ full }: Names, partitions: readonly string[], days: number): string {
  const at = BIGQUERY.quote('timestamp')
  const newest = partitions
    .flatMap((id) =>
      /^\d{8}$/.test(id) ? [wholeDay(BigInt(Date.parse(id.replace(/(....)(..)(..)/, '$1-$2-$3')) / 86_400_000))] : [],
    )
    .slice(0, days)
  const spans = newest.length === 0 ? 'FALSE' : within(at, spansOf(newest.toReversed(), MOST_SPANS))
  const others = partitions.includes(UNPARTITIONED) ? ` OR ${unpartitioned(at)}` : ''
  return `(SELECT * FROM ${full(AUDIT_EVENTS.name)} WHERE ${spans}${others})`
}
