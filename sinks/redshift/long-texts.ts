/** Texts that are too long for a row of Redshift, cut in the engine. */

import type { Batch } from '../../src/contract.js'
import { PART_CHARACTERS } from './exact.js'

export const NUL = 'chr(0)'

/** SELECTs rows (id, text) in parts, counted from 1. */
export const inParts = (texts: string): string => `(
  SELECT id, CAST(part AS INTEGER) AS part, ${partOf('text')} AS text
  FROM (SELECT *, ${parts('text')} AS part FROM (${texts})))`

/** Rejects as they are staged: `raw` is the first piece of the line, or of its base64 if the line has a NUL. */
export function stagedRejects(batch: Batch): string {
  const first = `CASE WHEN has_nul THEN to_base64(encode(raw)) ELSE raw END`
  return `(
  SELECT * REPLACE (
    substring(${first}, 1, ${PART_CHARACTERS}) AS raw,
    concat(message, CASE WHEN has_nul THEN '; raw is its base64' END) AS message
  ) FROM (SELECT *, ${hasNul(batch)} AS has_nul FROM ${batch.rejects.relation}))`
}

/** The pieces after the first, counted from 2. The batch's own pieces are longer than a VARCHAR. */
export function stagedPieces(batch: Batch): string {
  const { rejects, pieces } = batch
  const isLong = `strlen(raw) > ${(PART_CHARACTERS / 4) * 3}`
  const long = `
    SELECT reject_id, 1 AS piece, raw FROM ${rejects.relation}
    WHERE ${isLong} OR reject_id IN (SELECT reject_id FROM ${pieces.relation})
    UNION ALL SELECT reject_id, piece, raw FROM ${pieces.relation}`
  const text = `CASE WHEN ${hasNul(batch)} THEN to_base64(encode(raw)) ELSE raw END`
  const cut = `
    SELECT reject_id, piece, part, ${partOf('text')} AS raw
    FROM (SELECT *, ${parts('text')} AS part FROM (SELECT reject_id, piece, ${text} AS text FROM (${long})))`
  return `(
  SELECT reject_id, CAST(place AS INTEGER) AS piece, raw
  FROM (SELECT reject_id, raw, row_number() OVER (PARTITION BY reject_id ORDER BY piece, part) AS place FROM (${cut}))
  WHERE place > 1)`
}

/** Whether the line has a NUL; then all of its pieces are base64. */
const hasNul = ({ rejects, pieces }: Batch): string => `reject_id IN (
    SELECT reject_id FROM ${rejects.relation} WHERE contains(raw, ${NUL})
    UNION ALL SELECT reject_id FROM ${pieces.relation} WHERE contains(raw, ${NUL}))`

/** The numbers of a text's parts; an empty text has one. */
const parts = (text: string): string => `unnest(range(1, greatest((length(${text}) - 1) // ${PART_CHARACTERS}, 0) + 2))`

const partOf = (text: string): string => `substring(${text}, ${PART_CHARACTERS} * (part - 1) + 1, ${PART_CHARACTERS})`
