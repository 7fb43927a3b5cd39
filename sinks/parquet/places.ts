/** Which rows of a lake lie in the file of another partition. */

import { DUCKDB } from '../../schemas/ddl.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import type { FileRelation } from '../shared/lake-query.js'
import { asPattern, filed } from '../shared/parquet-rows.js'
import { EVENTS, type Layout, REJECTS } from './layout.js'

/** Part, file_part and id of each row of a table. */
const placesOf = (layout: Layout, id: string, inName: string): FileRelation => ({
  name: `places of ${layout.table.name}`,
  table: layout.table,
  sql(files) {
    const none = `SELECT ${filed(layout.table, () => 'NULL')}, '' AS filename WHERE false`
    const paths = files.map((file) => quotedString(asPattern(file))).join(', ')
    const there = `FROM read_parquet([${paths}], union_by_name = true, hive_partitioning = false, filename = true)`
    return `
      SELECT ${layout.part} AS part, regexp_extract(filename, ${quotedString(inName)}, 1) AS file_part, ${id} AS id
      FROM (${files.length === 0 ? none : `${none} UNION ALL BY NAME ${there}`})`
  },
})

const [EVENT_PLACES, REJECT_PLACES] = [
  placesOf(EVENTS, 'content_hash', 'event_date=(\\d{4}-\\d\\d-\\d\\d),[^,]*$'),
  placesOf(REJECTS, 'reject_id', ',part-([0-9a-f])[^,]*$'),
]

export const PLACES: readonly FileRelation[] = [EVENT_PLACES, REJECT_PLACES]

/** SELECTs what, day and id of each row that lies in the file of another partition; a reject has no day. */
export const MISPLACED = `
  SELECT 'event' AS what, part AS day, id FROM ${DUCKDB.quote(EVENT_PLACES.name)} WHERE part IS DISTINCT FROM file_part
  UNION ALL
  SELECT 'reject', NULL, id FROM ${DUCKDB.quote(REJECT_PLACES.name)} WHERE part IS DISTINCT FROM file_part`
