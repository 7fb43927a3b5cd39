/** What a choice of days means for documents that are not themselves windows of days. */

import type { DayRange, Document } from '../contract.js'

export const EVERYTHING: DayRange = { from: null, to: null }

/**
 * The version that a document's receipt records. When a load asked for some days only, the version names them, so that
 * the receipt does not stand for the rest of the document.
 */
export function receiptVersion(document: Document, version: string, { from, to }: DayRange): string {
  if (document.range !== null || (from === null && to === null)) return version
  const text = (instant: Date | null): string => instant?.toISOString().slice(0, 10) ?? ''
  return `${version} [${text(from)}, ${text(to)})`
}
