/** A document that a sink refuses, loaded without the lines it refuses. */

import type { Batch, LoadingSink } from '../contract.js'
import { duckdbError } from '../duckdb/errors.js'
import { documentsOf, lineOf } from '../landing/spooled.js'
import { partOf, receiptOf, refusedLine } from '../transform/parts.js'
import type { Loading } from './loading.js'
import { MOST_OFFENDERS } from './offenders.js'
import type { Transformed } from './transforming.js'

/** So many lines refused and none taken: it is the sink, and no line shall suffer for it. */
const MOST_BEFORE_ANY = 8

/**
 * Loads a document in parts, each half of the one that was refused, down to single lines; a line that is refused twice
 * becomes a reject of this sink. The receipt comes last, so that a stop on the way leaves rows that the next run finds.
 *
 * @param mayLieInTheData tells of an error of the sink whether to go on; may throw
 * @returns why the sink refuses the document as a whole; null when it is loaded
 * @throws what the sink threw where it does not lie in the data
 */
export async function loadByLines(
  sink: LoadingSink,
  { batch, landed, keys }: Transformed,
  { engine, journal, progress, refusals, signal }: Loading,
  mayLieInTheData: (error: unknown) => boolean,
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
        const counts = await sink.load(part, signal)
        refusals.delete(sink.id)
        progress.loaded(counts.read)
        return { sink: sink.id, counts, completes }
      },
      (error) => {
        if (!mayLieInTheData(error)) throw error
        return duckdbError(sink.id, error).message
      },
    )

  let taken = 0
  const refused: { line: number; why: string; wasReject: boolean }[] = []
  const repeats = new Map<string, number>()
  const setAside = async (line: number, why: string): Promise<string | null> => {
    const bytes = await lineOf(file, line)
    const text = bytes.toString('base64')
    const repeat = repeats.get(text) ?? 0
    repeats.set(text, repeat + 1)
    const message = `${why}; raw is the line's base64`
    return load(`line ${line} as a reject`, await refusedLine(engine, batch, { line, raw: text, message, repeat }))
  }

  /** Every n-th line, so that neighbours, which are often alike, part early. */
  const loadLines = async (n: number, first: number): Promise<string | null> => {
    const part = await partOf(engine, batch, n, first)
    if (part.rows === 0) return null
    const why = await load(`lines ${first} of ${n}`, part.batch)
    if (why === null) {
      taken += part.rows
      return null
    }
    if (part.rows > 1) return (await loadLines(2 * n, first)) ?? (await loadLines(2 * n, first + n))
    const again = await load(`line ${part.line} again`, part.batch)
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
    const refusal = await setAside(line, why)
    if (refusal !== null) return refusal
  }
  // A reject that is refused counts as one already.
  const events = refused.filter(({ wasReject }) => !wasReject).length
  return load('the receipt', await receiptOf(engine, batch, events), true)
}
