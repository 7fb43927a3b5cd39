/** Loads a document that a sink refuses, without the lines that it refuses. */

import type { Batch, LoadingSink } from '../contract.js'
import { duckdbError } from '../duckdb/errors.js'
import { leastOf, outcomeOf } from '../journal.js'
import { documentsOf, lineOf } from '../landing/spooled.js'
import { privateSql } from '../privacy/sql.js'
import { partOf, receiptOf, refusedLine } from '../transform/parts.js'
import type { Loading } from './loading.js'
import { MOST_OFFENDERS } from './offenders.js'
import type { Transformed } from './transforming.js'

/** After this many refused lines and none taken, the sink is at fault, and no line becomes a reject for it. */
const MOST_BEFORE_ANY = 8

/**
 * Loads a document in parts, halving each part that is refused, down to single lines. A line that is refused twice becomes a
 * reject of this sink. The receipt comes last, so that after an abort the next run reads the document again and finds the
 * rows that were loaded.
 *
 * @param mayBeTheData decides from an error of the sink whether to go on; may throw
 * @returns why the sink refuses the document as a whole; null when it is loaded
 * @throws what the sink threw if the data cannot be the cause
 */
export async function loadByLines(
  sink: LoadingSink,
  { batch, landed, keys }: Transformed,
  { engine, journal, privacy, progress, refusals, signal }: Loading,
  mayBeTheData: (error: unknown) => boolean,
): Promise<string | null> {
  const file = landed.files.find(({ documents }) => documents.length > 0)
  const [document] = documentsOf(landed)
  const [key] = keys
  if (file === undefined || document === undefined || key === undefined) return null

  const load = (what: string, part: Batch, completes = false): Promise<string | null> =>
    journal.once(
      `load ${what} of ${document.sha256} into ${sink.id}`,
      key,
      async () => {
        const { counts, failure } = await outcomeOf(() => sink.load(part, signal))
        refusals.delete(sink.id)
        progress.loaded(counts.read)
        return { sink: sink.id, counts, completes, least: leastOf(part), failure }
      },
      (error) => {
        if (!mayBeTheData(error)) throw error
        return duckdbError(sink.id, error).message
      },
    )

  const { raw } = privateSql(privacy)
  let taken = 0
  const refused: { line: number; why: string; wasReject: boolean }[] = []
  const repeats = new Map<string, number>()
  const rejectLine = async (line: number, why: string): Promise<string | null> => {
    const bytes = await lineOf(file, line)
    const text = bytes.toString('base64')
    const repeat = repeats.get(text) ?? 0
    repeats.set(text, repeat + 1)
    const message = `${why}; raw is the line in base64`
    return load(`line ${line} as a reject`, await refusedLine(engine, batch, { line, raw: text, message, repeat }, raw))
  }

  /** Takes every n-th line, so that neighbours, which are often alike, are separated early. */
  const loadLines = async (n: number, first: number): Promise<string | null> => {
    const part = await partOf(engine, batch, n, first)
    if (part.rows === 0) return null
    const why = await load(`lines ${first} of ${n}`, part.batch)
    if (why === null) {
      taken += part.rows
      return null
    }
    if (part.rows > 1) return (await loadLines(2 * n, first)) ?? (await loadLines(2 * n, first + n))
    const again = await load(`line ${part.line}, retried`, part.batch)
    if (again === null) return null
    refused.push({ line: part.line, why: again, wasReject: part.batch.rejected > 0 })
    if (taken === 0 && refused.length === MOST_BEFORE_ANY) return again
    return refused.length > MOST_OFFENDERS ? `it refuses more than ${MOST_OFFENDERS} of its lines` : null
  }

  const failure = (await loadLines(2, 0)) ?? (await loadLines(2, 1))
  if (failure !== null) return failure
  const [first] = refused
  if (first !== undefined && taken === 0 && refused.length > 1) return first.why
  for (const { line, why } of refused) {
    const refusal = await rejectLine(line, why)
    if (refusal !== null) return refusal
  }
  // A line that was a reject before the sink refused it is counted already.
  const events = refused.filter(({ wasReject }) => !wasReject).length
  return load('the receipt', await receiptOf(engine, batch, events), true)
}
