/** Files that are no logs at all are refused whole: thousands of rejects would say the same less clearly. */

import { AuditError } from '../errors.js'
import { peek } from './peek.js'

/** How much of a document's text is looked at. */
const HEAD_BYTES = 64 * 1024

interface Kind {
  readonly what: string
  readonly at?: number
  readonly magic: string
}

/** First bytes, as Latin-1; none of them begins a line of JSON. */
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

const ADVICE: Readonly<Record<string, string>> = {
  'an HTML page': 'Perhaps a login page was saved: fetch the log again.',
  'text in UTF-16': 'Save it as UTF-8.',
}

const MARKUP = /^\s*<(?:!doctype\s+html|html|head|\?xml)\b/i
/** One broken line at its beginning makes a log no other thing. */
const LINE_OF_A_LOG = /^\s*\{.*"timestamp"/m

/** Hands on the text of a document. Throws AuditError, before its first byte, when that is no log. */
export async function* refuseNonLogs(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, rest } = await peek(chunks, HEAD_BYTES)
  const what = kindOf(head)
  if (what !== null) {
    await rest[Symbol.asyncIterator]().return?.()
    throw new AuditError(`this is not a log, it is ${what}; nothing of it is loaded`, {
      advice: ADVICE[what] ?? 'Leave it out of what --from names; an archive has to be unpacked first.',
    })
  }
  yield* rest
}

/** What the first bytes of a text are, where they are not a log's. */
export function kindOf(head: Uint8Array): string | null {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, HEAD_BYTES)).toString('latin1')
  const kind = KINDS.find(({ at = 0, magic }) => text.startsWith(magic, at))
  if (kind !== undefined) return kind.what
  if (LINE_OF_A_LOG.test(text)) return null
  if (MARKUP.test(text)) return 'an HTML page'
  return text.includes('\0') ? 'binary' : null
}
