import { AUDIT_REJECTS } from '../../schemas/tables.js'
import { AUDIT_PARTS, type Place, tableOf } from './place.js'

/**
 * reason and raw of each reject, and whether the next row goes on with the same line. Where raw is base64, for a NUL that
 * Redshift cannot hold, the reason is the one that says so to readers.
 */
export function rawRejects(place: Place): string {
  const rejects = tableOf(place, AUDIT_REJECTS)
  const parts = tableOf(place, AUDIT_PARTS)
  return `
      SELECT CASE WHEN r.message LIKE '%raw is its base64%' THEN 'not_utf8' ELSE r.reason END AS reason,
        pieces."raw", pieces.part < COALESCE(ends.part, 0) AS more
      FROM ${rejects} AS r
      JOIN (
        SELECT reject_id AS id, 0 AS part, "raw" FROM ${rejects}
        UNION ALL SELECT id, part, "text" AS "raw" FROM ${parts}
      ) AS pieces ON pieces.id = r.reject_id
      LEFT JOIN (SELECT id, MAX(part) AS part FROM ${parts} GROUP BY id) AS ends ON ends.id = r.reject_id
      ORDER BY r.source_document, r.source_line, r.reject_id, pieces.part`
}
