/** Refuses files that are not logs at all: one error says more than thousands of rejects. */

import { AuditError } from '../errors.js'
import { peek } from './peek.js'

/** How much of a document's text is inspected. */
const HEAD_BYTES = 64 * 1024

interface Kind {
  readonly what: string
  readonly at?: number
  readonly magic: string
}

/** First bytes, as Latin-1; no line of JSON begins with any of them. */
const KINDS: readonly Kind[] = [
  { what: 'a PNG image', magic: '\x89PNG\r\n' },
  { what: 'a JPEG image', magic: '\xff\xd8\xff' },
  { what: 'a GIF image', magic: 'GIF8' },
  { what: 'a PDF', magic: '%PDF-' },
  { what: 'a program', magic: '\x7fELF' },
  { what: 'a program', magic: 'MZ\x90\0' },
  { what: 'a program', magic: '\xcf\xfa\xed\xfe' },
  { what: 'a zip archive', magic: 'PK\x03\x04' },
  { what: 'a bzip2 archive', magic: 'BZh' },
  { what: 'an xz archive', magic: '\xfd7zXZ\0' },
  { what: 'a 7z archive', magic: '7z\xbc\xaf\x27\x1c' },
  { what: 'a tar archive', at: 257, magic: 'ustar' },
  { what: 'an archive within an archive', magic: '\x1f\x8b\x08' },
  { what: 'an archive within an archive', magic: '\x28\xb5\x2f\xfd' },
  { what: 'a Parquet file', magic: 'PAR1' },
  { what: 'a DuckDB database', at: 8, magic: 'DUCK' },
  { what: 'an SQLite database', magic: 'SQLite format 3\0' },
  { what: 'text in UTF-16', magic: '\xff\xfe' },
  { what: 'text in UTF-16', magic: '\xfe\xff' },
]

const EXPORTS = 'Load it with --from export:…, if nobody else may write there.'

const ADVICE: Readonly<Record<string, string>> = {
  'an HTML page': 'Perhaps a login page was saved: fetch the log again.',
  'text in UTF-16': 'Save it as UTF-8.',
  'a Parquet file': `If it is an export of audit_events: ${EXPORTS}`,
  'rows of a sink': EXPORTS,
}

const MARKUP = /^\s*<(?:!doctype\s+html|html|head|\?xml)\b/i
/** A log with a broken first line is still a log. */
const LINE_OF_A_LOG = /^\s*\{.*"timestamp"/m

/** Passes the text of a document on. Throws AuditError before the first byte when it is not a log. */
export async function* refuseNonLogs(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, rest } = await peek(chunks, HEAD_BYTES)
  const what = kindOf(head)
  if (what !== null) {
    await rest[Symbol.asyncIterator]().return?.()
    throw new AuditError(`this is not a log, it is ${what}; none of it was loaded`, {
      advice: ADVICE[what] ?? 'Exclude it from --from; if it is an archive with logs in it, unpack it first.',
    })
  }
  yield* rest
}

/** What a text is, judging from its first bytes; null when it may be a log. */
export function kindOf(head: Uint8Array): string | null {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, HEAD_BYTES)).toString('latin1')
  const kind = KINDS.find(({ at = 0, magic }) => text.startsWith(magic, at))
  if (kind !== undefined) return kind.what
  if (isRow(head)) return 'rows of a sink'
  if (LINE_OF_A_LOG.test(text)) return null
  if (MARKUP.test(text)) return 'an HTML page'
  return text.includes('\0') ? 'binary' : null
}

/**
 * Whether the first line is a row of audit_events. Loaded as an event, its load_id would make it another one than it was. W&B
 * sends no such keys.
 */
const isRow = (head: Uint8Array): boolean => firstLineHas(head, ['content_hash', 'source_document', 'load_id'])

/** Whether the first line may be a row of audit_events: it has what an event is restored from. */
export const isExport = (head: Uint8Array): boolean => firstLineHas(head, ['timestamp', 'action', 'content_hash'])

function firstLineHas(head: Uint8Array, keys: readonly string[]): boolean {
  const end = head.indexOf(0x0a)
  try {
    const row: unknown = JSON.parse(Buffer.from(end < 0 ? head : head.subarray(0, end)).toString('utf8'))
    return typeof row === 'object' && row !== null && keys.every((key) => key in row)
  } catch {
    return false
  }
}

/** Errors of what is said to be an export. */
export const encryptedParquet = (): AuditError =>
  new AuditError('the Parquet file is encrypted; none of it was loaded', { advice: 'Export it without encryption.' })

export const notAnExport = (): AuditError =>
  new AuditError('this is not an export of audit_events; none of it was loaded', {
    advice:
      'Only audit_events can be loaded back from exports; audit_rejects and audit_documents are for read_parquet and read_json. ' +
      'A log is loaded without export:.',
  })
