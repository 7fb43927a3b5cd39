/** Which rows of a lake lie in a file of another partition: loads and questions about days do not look for them there. */

import { DUCKDB } from '../../schemas/ddl.js'
import { AUDIT_EVENTS, type Table } from '../../schemas/tables.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { EVENT_DAY } from './batch-days.js'
import type { FileRelation } from './lake-query.js'
import { asPattern, filed } from './parquet-rows.js'

/**
 * Part, file_part and id of each row of a table.
 *
 * @param part   SQL expression: the partition of a row
 * @param id     its column
 * @param inName pattern whose first group is the partition, in the name of a local copy
 */
export const placesOf = (table: Table, part: string, id: string, inName: string): FileRelation => ({
  name: `places of ${table.name}`,
  table,
  sql(files) {
    const none = `SELECT ${filed(table, () => 'NULL')}, '' AS filename WHERE false`
    const paths = files.map((file) => quotedString(asPattern(file))).join(', ')
    const there = `FROM read_parquet([${paths}], union_by_name = true, hive_partitioning = false, filename = true)`
    return `
      SELECT ${part} AS part, regexp_extract(filename, ${quotedString(inName)}, 1) AS file_part, ${id} AS id
      FROM (${files.length === 0 ? none : `${none} UNION ALL BY NAME ${there}`})`
  },
})

/** @param inName as in `placesOf` */
export const eventPlaces = (inName: string): FileRelation => placesOf(AUDIT_EVENTS, EVENT_DAY, 'content_hash', inName)

/** SELECTs what, day and id of each row of a `placesOf` that lies in a file of another partition. */
export const misplacedIn = ({ name }: FileRelation, what: string, day: string): string =>
  `SELECT '${what}' AS what, ${day} AS day, id FROM ${DUCKDB.quote(name)} WHERE part IS DISTINCT FROM file_part`
