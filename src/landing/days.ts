/** Some days only: what that means for documents that are not windows of days themselves. */

import type { DayRange, Document } from '../contract.js'

export const EVERYTHING: DayRange = { from: null, to: null }

/**
 * What a receipt calls the version of a document. Where only the events of some days were asked for, the receipt must not
 * speak for the rest.
 */
export function receiptVersion(document: Document, version: string, { from, to }: DayRange): string {
  if (document.range !== null || (from === null && to === null)) return version
  const end = (instant: Date | null): string => instant?.toISOString().slice(0, 10) ?? ''
  return `${version} [${end(from)}, ${end(to)})`
}
