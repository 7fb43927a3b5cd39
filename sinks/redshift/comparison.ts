/**
 * Compares the readings of a batch, typed in a temporary table `e`, with the existing rows `t`: what they change and what they
 * contradict, by the merge rule. Redshift has no function that merges two objects, so extras that differ are split into
 * members, compared, and put together again.
 */

import { AUDIT_EVENTS, FILLED_FIELDS } from '../../schemas/tables.js'
import { mergeRule } from '../shared/merge.js'
import { EXACT, EXTRA_BYTES, PARTS } from './exact.js'
import { differ, digest, literal, type Namespace, quote, tableOf } from './namespace.js'
import { type Ranges, within } from './ranges.js'

export const RULE = mergeRule({
  quote,
  literal,
  concat: (...texts) => `(${texts.join(' || ')})`,
  newline: 'CHR(10)',
  part: (text, delimiter, n) => `SPLIT_PART(${text}, ${delimiter}, ${n})`,
  sha256: digest,
  differ,
  extra: {
    differ: (kept, other) => differ(`JSON_SERIALIZE(${kept})`, `JSON_SERIALIZE(${other})`),
    grows: () => 'x.merged IS NOT NULL',
    contradicts: () => 'x.contradicts = 1',
    merged: () => 'JSON_PARSE(x.merged)',
    text: (extra) => `JSON_SERIALIZE(${extra})`,
  },
})

/** The temporary tables of one comparison. */
export interface Comparison {
  /** The typed readings. */
  readonly readings: string
  /** The existing rows that may change or conflict. */
  readonly rows: string
  readonly pairs: string
  readonly members: string
  readonly merges: string
}

const comparison = (readings: string, suffix: string): Comparison => ({
  readings,
  rows: `rows_there${suffix}`,
  pairs: `extra_pairs${suffix}`,
  members: `extra_members${suffix}`,
  merges: `extra_merges${suffix}`,
})

/** The batch's events with their rows before the merge. */
export const OF_EVENTS = comparison('typed_events', '')
/** The batch's contradicting readings with the rows that their events were merged into. */
export const OF_READINGS = comparison('typed_readings', '_of_readings')

export const KEY = 't."content_hash" = e."content_hash" AND t."timestamp" = e."timestamp"'

/** The FROM clause that the rule reads. Inner joins only: an outer join loses SUPER values. */
export const pairsOf = ({ readings, rows, merges }: Comparison): string =>
  `${readings} AS e JOIN ${rows} AS t ON ${KEY}
  JOIN ${merges} AS x ON x.content_hash = e."content_hash" AND x.reading = e."reading"`

const RULE_COLUMNS = ['timestamp', 'content_hash', ...FILLED_FIELDS, 'source_document', 'names_document']
  .map((column) => `t.${quote(column)}`)
  .join(', ')

/** Statements that create the comparison's tables. If the readings agree with the rows, the tables stay empty and cheap. */
export function compareEvents(place: Namespace, ranges: Ranges): string[] {
  const { readings, rows } = OF_EVENTS
  const found = `FROM ${readings} AS e JOIN ${tableOf(place, AUDIT_EVENTS)} AS t ON ${KEY}
WHERE ${within(ranges, 't.')} AND ${RULE.differs}`
  return [`CREATE TEMP TABLE ${rows} AS\nSELECT ${RULE_COLUMNS}\n${found}`, ...compareExtras(OF_EVENTS)]
}

/** Several readings may contradict one event, so rows are looked up by distinct hashes. */
export function compareReadings(place: Namespace, ranges: Ranges): string[] {
  const { readings, rows } = OF_READINGS
  const found = `FROM (SELECT DISTINCT "content_hash" FROM ${readings}) AS e
JOIN ${tableOf(place, AUDIT_EVENTS)} AS t ON t."content_hash" = e."content_hash"
WHERE ${within(ranges, 't.')}`
  return [`CREATE TEMP TABLE ${rows} AS\nSELECT ${RULE_COLUMNS}\n${found}`, ...compareExtras(OF_READINGS)]
}

const [KEPT, OTHER] = ['t."extra"', 'e."extra"']

function compareExtras({ readings, rows, pairs, members, merges }: Comparison): string[] {
  // A string that JSON_PARSE refused, or text kept in audit_parts, cannot be split.
  const apart = [KEPT, OTHER].map((extra) => `IS_OBJECT(${extra}) AND ${extra}.${PARTS} IS NULL`).join(' AND ')
  // UNPIVOT gets only objects: its behavior with null or a scalar is not documented.
  const objects = [KEPT, `${KEPT}.${EXACT}`, OTHER, `${OTHER}.${EXACT}`].map(
    (value, i) => `CASE WHEN ${apart} AND IS_OBJECT(${value}) THEN ${value} ELSE JSON_PARSE('{}') END AS ${SIDES[i]}`,
  )
  return [
    `CREATE TEMP TABLE ${pairs} AS
SELECT e."content_hash" AS content_hash, e."reading" AS reading,
  CASE WHEN ${KEPT} IS NULL OR ${OTHER} IS NULL THEN 0 WHEN ${differ(`JSON_SERIALIZE(${KEPT})`, `JSON_SERIALIZE(${OTHER})`)} THEN 1 ELSE 0 END AS differ,
  ${objects.join(',\n  ')}
FROM ${readings} AS e JOIN ${rows} AS t ON ${KEY}`,
    `CREATE TEMP TABLE ${members} AS
SELECT content_hash, reading, MAX(key) AS key, ${SIDES.map((side) => `MAX(CASE WHEN side = '${side}' THEN value END) AS ${side}`).join(', ')}
FROM (
  ${SIDES.map((side) => membersOf(pairs, side)).join('\n  UNION ALL\n  ')}
) AS found
GROUP BY content_hash, reading, ${digest('key')}`,
    mergedExtras(pairs, members, merges),
  ]
}

/** Members of the two extras, with the exact texts of some of them from `_exact`. */
const SIDES = ['kept', 'kept_exact', 'other', 'other_exact']

/** Members of pairs that differ; keys are JSON texts. */
function membersOf(pairs: string, side: string): string {
  const key = 'JSON_SERIALIZE(CAST(CAST(k AS VARCHAR) AS SUPER))'
  const own = side.endsWith('_exact') ? '' : ` AND ${key} <> '"${EXACT}"'`
  return `SELECT p.content_hash, p.reading, '${side}' AS side, ${key} AS key, JSON_SERIALIZE(v) AS value
  FROM ${pairs} AS p, UNPIVOT p.${side} AS v AT k WHERE p.differ = 1${own}`
}

/**
 * For each pair: whether it contradicts, and the merged text if the other extra adds a key and the result fits. An extra that
 * cannot be merged counts as a contradiction, so all of it is kept.
 */
function mergedExtras(pairs: string, members: string, merges: string): string {
  const isMissing = '(kept IS NULL AND kept_exact IS NULL)'
  const isUnread = '(other IS NULL AND other_exact IS NULL)'
  const differs = `(${differ("COALESCE(kept_exact, '-')", "COALESCE(other_exact, '-')")}
        OR (kept_exact IS NULL AND ${differ('kept', 'other')}))`
  const list = (member: string): string =>
    `LISTAGG(CASE WHEN bytes <= ${EXTRA_BYTES} THEN ${member} END, ',') WITHIN GROUP (ORDER BY key, digest)`
  const size = (member: string): string => `COALESCE(OCTET_LENGTH(${member}) + 1, 0)`
  return `CREATE TEMP TABLE ${merges} AS
SELECT content_hash, reading, CASE WHEN grows = 1 AND mergeable THEN merged END AS merged,
  CASE WHEN contradicts = 1 OR (grows = 1 AND NOT mergeable) THEN 1 ELSE 0 END AS contradicts
FROM (
  SELECT p.content_hash, p.reading, COALESCE(m.grows, 0) AS grows, m.merged,
    CASE WHEN p.differ = 0 THEN 0 ELSE COALESCE(m.contradicts, 1) END AS contradicts,
    CASE WHEN m.merged IS NULL THEN FALSE ELSE CAN_JSON_PARSE(m.merged) END AS mergeable
  FROM ${pairs} AS p LEFT JOIN (
    SELECT content_hash, reading, grows, contradicts,
      CASE WHEN fits = 1 THEN '{' || members || CASE WHEN members <> '' AND exact <> '' THEN ',' ELSE '' END
        || CASE WHEN exact <> '' THEN '"${EXACT}":{' || exact || '}' ELSE '' END || '}' END AS merged
    FROM (
      SELECT content_hash, reading, MAX(grows) AS grows, MAX(contradicts) AS contradicts,
        MAX(CASE WHEN bytes <= ${EXTRA_BYTES} THEN 1 ELSE 0 END) AS fits,
        COALESCE(${list('member')}, '') AS members,
        COALESCE(${list('exact')}, '') AS exact
      FROM (
        SELECT *, SUM(${size('member')} + ${size('exact')}) OVER (PARTITION BY content_hash, reading) AS bytes
        FROM (
          SELECT content_hash, reading, key, ${digest('key')} AS digest, key || ':' || CASE WHEN ${isMissing} THEN other ELSE kept END AS member,
            key || ':' || CASE WHEN ${isMissing} THEN other_exact ELSE kept_exact END AS exact,
            CASE WHEN ${isMissing} THEN 1 ELSE 0 END AS grows,
            CASE WHEN NOT ${isMissing} AND NOT ${isUnread} AND ${differs} THEN 1 ELSE 0 END AS contradicts
          FROM ${members}
        ) AS texts
      ) AS sized
      GROUP BY content_hash, reading
    ) AS listed
  ) AS m ON m.content_hash = p.content_hash AND m.reading = p.reading
) AS judged`
}
