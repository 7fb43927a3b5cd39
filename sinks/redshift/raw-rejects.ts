import { AUDIT_REJECT_PIECES, AUDIT_REJECTS } from '../../schemas/tables.js'
import { type Namespace, tableOf } from './namespace.js'

/**
 * reason and raw of each reject, and whether the next row continues the line. If raw is base64, because Redshift cannot hold a
 * NUL, the reason is the one that tells readers so.
 */
export function rawRejects(place: Namespace): string {
  const rejects = tableOf(place, AUDIT_REJECTS)
  const pieces = tableOf(place, AUDIT_REJECT_PIECES)
  return `
      SELECT CASE WHEN r.message LIKE '%raw is its base64%' THEN 'not_utf8' ELSE r.reason END AS reason,
        texts."raw", texts.piece < COALESCE(ends.piece, 1) AS more
      FROM ${rejects} AS r
      JOIN (
        SELECT reject_id, 1 AS piece, "raw" FROM ${rejects}
        UNION ALL SELECT reject_id, piece, "raw" FROM ${pieces}
      ) AS texts ON texts.reject_id = r.reject_id
      LEFT JOIN (SELECT reject_id, MAX(piece) AS piece FROM ${pieces} GROUP BY reject_id) AS ends ON ends.reject_id = r.reject_id
      ORDER BY r.source_document, r.source_line, r.reject_id, texts.piece`
}
