/**
 * The merge rule, once for all warehouses: what a reading `e` of an event adds to its existing row `t`, and what of it
 * contradicts that row. See docs/decisions/names-and-conflicts.md.
 *
 * - A name fills a gap and never overwrites, with one exception: names of the API outrank names from an object or a file,
 *   all of them together, so that no row mixes the two.
 * - `extra` is filled key by key.
 * - Whatever is then in one of the two readings but not in the row is a conflict.
 */

import { AUDIT_CONFLICTS, FILLED_FIELDS, NAME_FIELDS } from '../../schemas/tables.js'

/** The columns of rows and readings that the rule reads. */
export const COMPARED = ['timestamp', 'content_hash', ...FILLED_FIELDS, 'source_document', 'names_document']

/** How a warehouse writes the parts of the rule. Arguments are SQL expressions. */
export interface MergeDialect {
  quote(name: string): string
  /** A literal for our own text, which has no quotes. */
  literal(text: string): string
  /** For texts that are not null. */
  concat(...texts: readonly string[]): string
  readonly newline: string
  /** The n-th part of a text, counted from 1; empty or null if there is none. */
  part(text: string, delimiter: string, n: number): string
  /** Lower-case hex. */
  sha256(text: string): string
  /** Condition on two texts; null if one of them is null. */
  differ(one: string, other: string): string
  /** For two extras that are not null. */
  readonly extra: {
    /** A cheap test that rules out most rows. */
    differ(kept: string, other: string): string
    grows(kept: string, other: string): string
    contradicts(kept: string, other: string): string
    merged(kept: string, other: string): string
    text(extra: string): string
  }
}

export interface MergeRule {
  /** Condition: the row may change or conflict. Extras are compared by `differ` alone. */
  readonly differs: string
  /** Condition: the row changes. */
  readonly changes: string
  /** Condition: a value of the row or of the reading will not be in the merged row. */
  readonly conflicts: string
  /** How many values of a pair do so: the `events` of all its conflict rows. */
  readonly conflictCount: string
  /** The new value of each column of FILLED_FIELDS, and of `names_document`. */
  readonly values: Readonly<Record<string, string>>
  /**
   * SELECTs the rows of audit_conflicts without load_id and loaded_at. Names the pairs once for each column, so they should be
   * few, and cheap to read.
   *
   * @param pairs what follows FROM: `t`, rows as they are before the merge, joined with `e`, both with the columns COMPARED
   */
  conflictRows(pairs: string): string
}

/** Ids of API documents begin like this, and no others do: paths are absolute, and stores have their own schemes. */
const API = 'http%'

export function mergeRule(dialect: MergeDialect): MergeRule {
  const { quote, literal, concat, newline, part, extra } = dialect
  const column = (row: 't' | 'e', name: string): string => `${row}.${quote(name)}`
  const fromApi = (row: 't' | 'e'): string => `COALESCE(${column(row, 'names_document')}, '') LIKE ${literal(API)}`
  const anyName = (row: 't' | 'e'): string => `COALESCE(${NAME_FIELDS.map((name) => column(row, name)).join(', ')})`

  const outranks = `(${fromApi('e')} AND NOT ${fromApi('t')})`
  const outranked = `(${fromApi('t')} AND NOT ${fromApi('e')})`
  const isGap = (name: string): string => `(${column('t', name)} IS NULL AND ${column('e', name)} IS NOT NULL)`
  const bothExtras = `${column('t', 'extra')} IS NOT NULL AND ${column('e', 'extra')} IS NOT NULL`
  const [kept, other] = [column('t', 'extra'), column('e', 'extra')]
  const whereDiffering = (condition: string): string =>
    `CASE WHEN ${bothExtras} THEN CASE WHEN ${extra.differ(kept, other)} THEN ${condition} ELSE FALSE END ELSE FALSE END`

  const named = (name: string): string =>
    `CASE WHEN ${outranks} THEN ${column('e', name)} WHEN ${outranked} THEN ${column('t', name)}
      ELSE COALESCE(${column('t', name)}, ${column('e', name)}) END`

  /** The document that a name of a row came from. Rows older than `names_document` know only where they were first read. */
  const documentOf = (row: 't' | 'e', name: string): string => {
    const documents = column(row, 'names_document')
    const marked = part(documents, concat(newline, literal(`${name}: `)), 2)
    return `COALESCE(NULLIF(${part(marked, newline, 1)}, ''), ${part(documents, newline, 1)}, ${column(row, 'source_document')})`
  }

  const laterNames = NAME_FIELDS.map(
    (name) =>
      `CASE WHEN ${isGap(name)} THEN ${concat(newline, literal(`${name}: `), documentOf('e', name))} ELSE '' END`,
  )
  const namesDocument = `CASE WHEN ${outranks} OR ${anyName('t')} IS NULL THEN ${column('e', 'names_document')}
      WHEN ${outranked} OR ${anyName('e')} IS NULL THEN ${column('t', 'names_document')}
      ELSE ${concat(`COALESCE(${column('t', 'names_document')}, '')`, ...laterNames)} END`

  const mergedExtra = `CASE WHEN ${kept} IS NULL THEN ${other} WHEN ${other} IS NULL THEN ${kept}
      WHEN ${whereDiffering(extra.grows(kept, other))} THEN ${extra.merged(kept, other)} ELSE ${kept} END`

  const nameConflicts = (name: string): string => {
    const [mine, theirs] = [column('t', name), column('e', name)]
    return `(${dialect.differ(mine, theirs)} OR (${outranked} AND ${isGap(name)})
      OR (${outranks} AND ${mine} IS NOT NULL AND ${theirs} IS NULL))`
  }
  const extraConflicts = whereDiffering(extra.contradicts(kept, other))

  const conflict = (name: string, condition: string, values: readonly string[], pairs: string): string =>
    `SELECT ${literal(name)} AS column_name, ${column('t', 'timestamp')} AS ${quote('timestamp')},
    ${column('t', 'content_hash')} AS content_hash, ${values[0]} AS kept, ${values[1]} AS other,
    ${values[2]} AS kept_document, ${values[3]} AS other_document
  FROM ${pairs} WHERE ${condition}`

  function conflictRows(pairs: string): string {
    const found = [
      ...NAME_FIELDS.map((name) =>
        conflict(
          name,
          nameConflicts(name),
          [
            named(name),
            `CASE WHEN ${outranks} THEN ${column('t', name)} ELSE ${column('e', name)} END`,
            `CASE WHEN ${outranks} THEN ${documentOf('e', name)} ELSE ${documentOf('t', name)} END`,
            `CASE WHEN ${outranks} THEN ${documentOf('t', name)} ELSE ${documentOf('e', name)} END`,
          ],
          pairs,
        ),
      ),
      conflict(
        'extra',
        extraConflicts,
        [extra.text(mergedExtra), extra.text(other), column('t', 'source_document'), column('e', 'source_document')],
        pairs,
      ),
    ]
    // Built from digests: two long texts and their separator may exceed a warehouse's longest text.
    const id = dialect.sha256(
      concat(
        'column_name',
        `','`,
        dialect.sha256('other_document'),
        `','`,
        `CASE WHEN column_name = 'extra' THEN content_hash WHEN kept IS NULL THEN '-' ELSE ${dialect.sha256('kept')} END`,
        `','`,
        dialect.sha256('other'),
      ),
    )
    const group = `PARTITION BY conflict_id`
    const columns = AUDIT_CONFLICTS.columns.filter((each) => each.class !== 'provenance').map(({ name }) => quote(name))
    return `SELECT ${columns.join(', ')} FROM (
  SELECT conflict_id, column_name, ${quote('timestamp')}, content_hash, kept, other, kept_document, other_document,
    COUNT(*) OVER (${group}) AS events,
    ROW_NUMBER() OVER (${group} ORDER BY ${quote('timestamp')}, content_hash) AS place
  FROM (SELECT ${id} AS conflict_id, found.* FROM (
  ${found.join('\n  UNION ALL\n  ')}
  ) AS found) AS identified
) AS counted WHERE place = 1`
  }

  const mayDiffer = (name: string): string =>
    `${isGap(name)} OR ${dialect.differ(column('t', name), column('e', name))}`

  return {
    differs: `(${outranks} OR COALESCE(${NAME_FIELDS.map(mayDiffer).join(' OR ')}, FALSE)
    OR (${kept} IS NULL AND ${other} IS NOT NULL) OR ${whereDiffering('TRUE')})`,
    changes: `(${outranks} OR (NOT ${outranked} AND (${NAME_FIELDS.map(isGap).join(' OR ')}))
    OR (${kept} IS NULL AND ${other} IS NOT NULL) OR ${whereDiffering(extra.grows(kept, other))})`,
    conflicts: `(COALESCE(${NAME_FIELDS.map(nameConflicts).join(' OR ')}, FALSE) OR ${extraConflicts})`,
    conflictCount: [...NAME_FIELDS.map(nameConflicts), extraConflicts]
      .map((conflict) => `CASE WHEN ${conflict} THEN 1 ELSE 0 END`)
      .join(' + '),
    values: {
      ...Object.fromEntries(NAME_FIELDS.map((name) => [name, named(name)])),
      extra: mergedExtra,
      names_document: namesDocument,
    },
    conflictRows,
  }
}
