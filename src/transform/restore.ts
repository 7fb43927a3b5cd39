/**
 * Events from exported rows. Nothing in a row is trusted: its content_hash is computed again from what the row holds. Only the
 * number of the repeat is not in the row, so it is looked for.
 */

import { quotedString } from '../duckdb/quoting.js'
import type { SpoolFile } from '../landing/batches.js'
import type { Engine } from './engine.js'
import { withIdentityText } from './identity.js'
import { rejected } from './line-by-line.js'
import { readSlowly } from './slow-path.js'

/** The highest number of a repeat that is looked for: so many equal events in one second are in no log. */
const MOST_REPEATS = 16_384
/**
 * How many hashes are tried for a range of numbers, besides one for each row: anybody may write rows that fit none, and a second
 * of work tries about 700,000.
 */
const TRIES = 500_000

const REASONS = {
  bad_hash: 'content_hash is not that of the event in this row',
  repeated_row: 'the same event is in a row before this one',
}

/** Whether the files hold rows of an export. A batch has such documents only, or none. */
export const isExport = (files: readonly SpoolFile[]): boolean =>
  files.some(({ documents }) => documents.some(({ document }) => document.isExport === true))

/**
 * Gives each row of `slow_events` the hash that it claims, if that is its event's; moves all others to `rejected_lines`, as well as
 * those whose event a row before them has.
 */
export async function proveRows(engine: Engine, files: readonly SpoolFile[], signal: AbortSignal): Promise<void> {
  const doubtful = `(FROM slow_events WHERE content_hash <> claimed_hash)`
  await engine.run(
    `CREATE TABLE unproven AS SELECT row, claimed_hash, identity FROM (${withIdentityText(doubtful, 'ids')})`,
  )
  const tries = TRIES + (await engine.number('SELECT count(*) FROM slow_events'))
  for (let from = 1; from < MOST_REPEATS; from *= 2) await takeRepeats(engine, from, 2 * from, tries)
  await engine.run(`
    CREATE TABLE unfit AS
    SELECT row, reason, file
    FROM (
      SELECT row, CASE WHEN unproven.row IS NULL THEN 'repeated_row' ELSE 'bad_hash' END AS reason, ordinal
      FROM slow_events LEFT JOIN unproven USING (row)
      WHERE unproven.row IS NOT NULL OR row NOT IN (
        SELECT min(row) FROM slow_events ANTI JOIN unproven USING (row) GROUP BY ordinal, claimed_hash)
    ) JOIN documents USING (ordinal)`)
  await engine.run('DELETE FROM slow_events WHERE row IN (SELECT row FROM unfit)')
  await engine.run('UPDATE slow_events SET content_hash = claimed_hash WHERE content_hash <> claimed_hash')
  await rejectUnfit(engine, files, signal)
}

/** Takes rows out of `unproven` that are one of the repeats from `from` to `to` of their event; the most repeated ones first. */
async function takeRepeats(engine: Engine, from: number, to: number, tries: number): Promise<void> {
  const events = `
    SELECT identity FROM unproven GROUP BY identity ORDER BY count(*) DESC, identity LIMIT ${Math.ceil(tries / (to - from))}`
  const repeats = `
    SELECT identity, sha256(concat(identity, '#', n)) AS claimed_hash FROM (${events}), range(${from}, ${to}) AS numbers(n)`
  await engine.run(`
    DELETE FROM unproven WHERE row IN (SELECT row FROM unproven JOIN (${repeats}) USING (claimed_hash, identity))`)
}

async function rejectUnfit(engine: Engine, files: readonly SpoolFile[], signal: AbortSignal): Promise<void> {
  for (const [reason, message] of Object.entries(REASONS)) {
    const rows = `SELECT row, file FROM unfit WHERE reason = ${quotedString(reason)}`
    await readSlowly(engine, files, { rows, read: (line) => rejected(line, reason, message) }, signal)
  }
}
