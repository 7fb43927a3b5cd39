import { distance } from 'fastest-levenshtein'

/** A name that differs in more than this share of its letters was not mistyped: it is another name. */
const MOST_EDITS = 0.4

/** The name that was probably meant; undefined if none is similar. Case does not matter. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase()
  let best: string | undefined
  let fewest = Math.floor(wanted.length * MOST_EDITS) + 1
  for (const each of names) {
    const edits = distance(wanted, each.toLowerCase())
    if (edits >= fewest) continue
    best = each
    fewest = edits
  }
  return best
}
