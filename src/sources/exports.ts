/** Exports of a sink as documents: what a source lists, marked as rows of audit_events. */

import type { Document, Source } from '../contract.js'

/** Everything is listed each time, because names of exports say nothing about what is new. */
export const exportSource = (source: Source): Source => ({
  id: source.id,
  ...(source.concurrency === undefined ? {} : { concurrency: source.concurrency }),
  async *list(range, signal): AsyncGenerator<Document> {
    for await (const document of source.list(range, signal)) yield exported(document)
  },
  close: () => source.close(),
})

/** Without its path, because rows are never read in place. Its version and whether it is archived may change when it is opened. */
const exported = (document: Document): Document => ({
  id: document.id,
  get version() {
    return document.version
  },
  bytes: document.bytes,
  range: document.range,
  get archived() {
    return document.archived
  },
  isExport: true,
  open: (signal) => document.open(signal),
})
