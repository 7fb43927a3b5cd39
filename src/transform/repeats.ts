/**
 * Equal events: within one document they are honest repeats and get hashes of their own; between the documents of
 * a batch they are the same event seen twice, and become one row.
 */

import { IDENTITY_FIELDS, NAME_FIELDS } from '../../schemas/tables.js'
import type { Engine } from './engine.js'
import { withIdentityText } from './identity.js'
import { quoted } from './sql.js'

/** What a later occurrence may add to an earlier one. */
export const FILLED_FIELDS: readonly string[] = [...NAME_FIELDS, 'extra']

/** Collects the hashes that occur more than once in `base` into the table `repeated`; tells whether there are any. */
export async function hasRepeats(engine: Engine): Promise<boolean> {
  await engine.run('CREATE TABLE repeated AS SELECT content_hash FROM base GROUP BY content_hash HAVING count(*) > 1')
  return (await engine.number('SELECT count(*) FROM repeated')) > 0
}

/**
 * Creates `resolved` from the rows of `base` whose hash is in `repeated`: their final hashes, each event once, with
 * how often it occurred and how many further occurrences filled a gap.
 */
export async function createResolved(engine: Engine, documents: number): Promise<void> {
  // Only keys are numbered: a window over whole rows would hold every repeated extra at once.
  const rows = `(
    SELECT base.*, repeat FROM base JOIN (
      SELECT row, row_number() OVER (PARTITION BY ordinal, content_hash ORDER BY row) - 1 AS repeat
      FROM base SEMI JOIN repeated USING (content_hash)
    ) USING (row)
  )`
  const numbered = `
    SELECT * EXCLUDE (identity, repeat)
      REPLACE (CASE repeat WHEN 0 THEN content_hash ELSE sha256(concat(identity, '#', repeat)) END AS content_hash)
    FROM (${withIdentityText(rows)})`
  await engine.run(
    `CREATE TABLE resolved AS ${documents === 1 ? `SELECT *, 1 AS occurrences, 0 AS fills FROM (${numbered})` : merged(numbered)}`,
  )
}

function merged(numbered: string): string {
  const first = (field: string): string => `arg_min(${quoted(field)}, row) AS ${quoted(field)}`
  const filled = FILLED_FIELDS.map((field) => `min(row) FILTER (${quoted(field)} IS NOT NULL)`).join(', ')
  return `
    SELECT * EXCLUDE (filled_at), len(list_filter(list_distinct(filled_at), lambda place: place > row)) AS fills
    FROM (
      SELECT ${[...IDENTITY_FIELDS, ...FILLED_FIELDS, 'ordinal'].map(first).join(', ')}, content_hash, min(row) AS row,
        count(*) AS occurrences, [${filled}] AS filled_at
      FROM (${numbered}) GROUP BY content_hash
    )`
}
