/**
 * Equal events. Within one document they are genuine repeats and get different hashes; across the documents of a batch
 * they are the same event read twice and become one row.
 */

import { FILLED_FIELDS, IDENTITY_FIELDS, NAME_FIELDS } from '../../schemas/tables.js'
import { quotedIdentifier, quotedString } from '../duckdb/quoting.js'
import type { PrivateSql } from '../privacy/sql.js'
import type { Engine } from './engine.js'
import { EXTRA_FUNCTIONS } from './extras.js'
import { withIdentityText } from './identity.js'

/** Collects the hashes that occur more than once in `base` into the table `repeated`. Returns whether there are any. */
export async function hasRepeats(engine: Engine): Promise<boolean> {
  await engine.run('CREATE TABLE repeated AS SELECT content_hash FROM base GROUP BY content_hash HAVING count(*) > 1')
  return (await engine.number('SELECT count(*) FROM repeated')) > 0
}

/**
 * Creates `resolved` from the rows of `base` whose hash is in `repeated`: one row an event, with its final hash, its
 * number of occurrences, the number of further occurrences that filled a gap, and, when several documents contain the
 * event, the document that each name comes from. Readings that contradict the row go to `readings`.
 *
 * The hash is of the values as they were read; everything after it is about the values that sinks get.
 */
export async function createResolved(engine: Engine, documents: number, shown: PrivateSql): Promise<void> {
  // Numbers the keys only: a window over whole rows would hold every repeated extra in memory.
  const rows = `(
    SELECT base.*, repeat FROM base JOIN (
      SELECT row, row_number() OVER (PARTITION BY ordinal, content_hash ORDER BY row) - 1 AS repeat
      FROM base SEMI JOIN repeated USING (content_hash)
    ) USING (row)
  )`
  const hashed = `
    SELECT * EXCLUDE (identity, repeat)
      REPLACE (CASE repeat WHEN 0 THEN content_hash ELSE sha256(concat(identity, '#', repeat)) END AS content_hash)
    FROM (${withIdentityText(rows, 'ids')})`
  await engine.run(`CREATE VIEW numbered AS ${shown.events(hashed)}`)
  if (documents === 1) {
    await engine.run(`
      CREATE TABLE resolved AS SELECT *, 1 AS occurrences, 0 AS fills, CAST(NULL AS VARCHAR) AS names_document FROM numbered`)
    return
  }
  await engine.run(`CREATE TABLE combined AS ${combined()}`)
  await engine.run(`CREATE TABLE resolved AS ${resolved()}`)
  if ((await engine.number('SELECT count(*) FROM combined WHERE disputed')) > 0) {
    await engine.run(`INSERT INTO readings ${contradictingReadings()}`)
  }
}

/** One row an event, combined from its documents; of differing extras it takes the first. */
function combined(): string {
  const first = (field: string): string => `arg_min(${quotedIdentifier(field)}, row) AS ${quotedIdentifier(field)}`
  const filled = FILLED_FIELDS.map((field) => `min(row) FILTER (${quotedIdentifier(field)} IS NOT NULL)`).join(', ')
  const sources = NAME_FIELDS.map(
    (name) => `arg_min(document, row) FILTER (${quotedIdentifier(name)} IS NOT NULL)`,
  ).join(', ')
  const disputed = NAME_FIELDS.map((name) => `min(${quotedIdentifier(name)}) <> max(${quotedIdentifier(name)})`).join(
    ' OR ',
  )
  return `
    SELECT *, extras > 1 OR coalesce(names_differ, false) AS disputed
    FROM (
      SELECT ${[...IDENTITY_FIELDS, ...FILLED_FIELDS, 'ordinal'].map(first).join(', ')}, content_hash, min(row) AS row,
        count(*) AS occurrences, [${filled}] AS filled_at, [${sources}] AS name_documents, ${disputed} AS names_differ,
        count(DISTINCT hash(extra)) AS extras,
        arg_min(document, row) FILTER (coalesce(${NAME_FIELDS.map(quotedIdentifier).join(', ')}) IS NOT NULL) AS first_names_document
      FROM numbered JOIN documents USING (ordinal) GROUP BY content_hash
    )`
}

/** `combined`, with differing extras merged key by key in the order of their readings. */
function resolved(): string {
  const columns = [...IDENTITY_FIELDS, ...NAME_FIELDS].map(quotedIdentifier).join(', ')
  const differing = `numbered SEMI JOIN (FROM combined WHERE extras > 1) USING (content_hash)`
  const laterNames = NAME_FIELDS.map((name, i) => {
    const document = `name_documents[${i + 1}]`
    return `CASE WHEN ${document} <> first_names_document THEN concat(chr(10), ${quotedString(`${name}: `)}, ${oneLine(document)}) END`
  })
  return `
    SELECT ${columns}, coalesce(merged.extra, combined.extra) AS extra, ordinal, content_hash, row, occurrences,
      len(list_filter(list_distinct(list_concat(filled_at, coalesce(keys_at, []))), lambda place: place > row)) AS fills,
      CASE WHEN first_names_document IS NOT NULL
        THEN concat(${oneLine('first_names_document')}, ${laterNames.join(', ')}) END AS names_document
    FROM combined
    LEFT JOIN (
      SELECT content_hash, list_reduce(list(CAST(extra AS VARCHAR) ORDER BY row), lambda kept, other: ${EXTRA_FUNCTIONS.merged}(kept, other))::JSON AS extra
      FROM ${differing} WHERE extra IS NOT NULL GROUP BY content_hash
    ) AS merged USING (content_hash)
    LEFT JOIN (
      SELECT content_hash, list(place) AS keys_at
      FROM (
        SELECT content_hash, key, min(row) AS place
        FROM (SELECT content_hash, row, unnest(json_keys(extra)) AS key FROM ${differing}) GROUP BY content_hash, key
      )
      GROUP BY content_hash
    ) AS keys USING (content_hash)`
}

/** The readings that contradict their event's row. */
function contradictingReadings(): string {
  const differs = NAME_FIELDS.map((name) => `r.${quotedIdentifier(name)} <> e.${quotedIdentifier(name)}`).join(' OR ')
  return `
    SELECT r."timestamp", r.content_hash, ${FILLED_FIELDS.map((field) => `r.${quotedIdentifier(field)}`).join(', ')}, document
    FROM numbered r
    JOIN resolved e USING (content_hash)
    SEMI JOIN (FROM combined WHERE disputed) AS disputed USING (content_hash)
    JOIN documents ON documents.ordinal = r.ordinal
    WHERE ${differs} OR ${EXTRA_FUNCTIONS.contradicts}(CAST(e.extra AS VARCHAR), CAST(r.extra AS VARCHAR))`
}

/** A document's name on one line, because `names_document` has one line for each name's document. */
export const oneLine = (document: string): string => `replace(${document}, chr(10), '\\n')`
