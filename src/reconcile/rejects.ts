/** Compares the number of rejects by document. A sink may have more: those of earlier versions of a document stay. */

import type { Sink } from '../contract.js'

export interface MissingRejects {
  readonly source: string
  readonly sink: string
  readonly document: string
  /** As the source has the document now. */
  readonly inSource: number
  readonly inSink: number
}

/**
 * The documents of which the sink has a receipt, but fewer rejects than reading them gives.
 *
 * @param source  its name, for the result
 * @param id      its namespace in the receipts
 * @param rejects document → the ids of its rejects
 */
export async function missingRejects(
  { id: sink, receipts, query, questions }: Pick<Sink, 'id' | 'receipts' | 'query' | 'questions'>,
  source: string,
  id: string,
  rejects: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<MissingRejects[]> {
  if (rejects.size === 0) return []
  const loaded = await receipts(id)
  const kept = new Map<string, number>()
  const { rows } = await query(questions.rejectsByDocument)
  for await (const [document, count] of rows) kept.set(String(document), Number(count))
  return [...rejects].flatMap(([document, { size: inSource }]) => {
    const inSink = kept.get(document) ?? 0
    return loaded.has(document) && inSink < inSource ? [{ source, sink, document, inSource, inSink }] : []
  })
}
