import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Content, documentOf } from '../support/load.js'
import { failure, landDocument, landed, landing } from './support.js'

const EVENT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"}\n'
const bytes = (...parts: readonly (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)))

/** As `tar` begins a file's entry. */
const tar = (content: string): Buffer => {
  const header = Buffer.alloc(512)
  header.write('logs/2026-10-01.ndjson')
  header.write('ustar', 257)
  return Buffer.concat([header, Buffer.from(content)])
}

const OTHERS: readonly (readonly [string, Content])[] = [
  ['a PNG image', bytes([0x89], 'PNG\r\n', [0x1a], '\n', [0, 0, 0, 13], 'IHDR')],
  ['a JPEG image', bytes([0xff, 0xd8, 0xff, 0xe0], 'JFIF')],
  ['a PDF', '%PDF-1.7\n…'],
  ['a program', bytes([0x7f], 'ELF', [2, 1, 1, 0])],
  ['a zip archive', bytes('PK', [3, 4], 'logs.json')],
  ['a tar archive', tar(EVENT.repeat(20))],
  ['a tar archive', gzipSync(tar(EVENT.repeat(20)))],
  ['an archive within an archive', gzipSync(gzipSync(EVENT))],
  ['a Parquet file', bytes('PAR1', [0x15, 0x04])],
  ['text in UTF-16', Buffer.from(`\ufeff${EVENT}`, 'utf16le')],
  ['an HTML page', '\n <!DOCTYPE html>\n<html><body>Sign in</body></html>\n'],
  ['an HTML page', '\ufeff<html lang="en">'],
  ['an HTML page', '<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>'],
  [
    'rows of a sink',
    `${JSON.stringify({ timestamp: '2026-10-01T12:34:56Z', action: 'a', content_hash: 'f', source_document: 'd', load_id: 'l' })}\n`,
  ],
  ['binary', Buffer.alloc(100_000)],
]

describe('what is no log', () => {
  it.each(OTHERS)('is refused whole: %s', async (what, content) => {
    const error = await failure(landDocument(documentOf('document', content), landing()))
    expect(error.message).toBe(`landing document failed: this is not a log, it is ${what}; none of it was loaded`)
    expect(error.advice).toBeTruthy()
  })
})

describe('a log is taken, although', () => {
  it.each([
    ['its first line is a page that was saved', `<html>\n${EVENT}`],
    ['its first line was cut and filled up', bytes('{"timest', Array(4096).fill(0), `\n${EVENT}`)],
    ['a byte in it is NUL', `{"timestamp":"2026-10-01T12:34:56Z","action":"a\u0000b"}\n${EVENT}`],
    ['it holds text', `hello\n${EVENT}`],
    ['it holds nothing else', 'hello\nworld\n'],
    ['it is empty', ''],
    ['it is one broken line', '{"timestamp":"2026-10-01T12:34'],
  ])('%s', async (_what, content) => {
    expect((await landed(content)).textBytes).toBe(Buffer.byteLength(content as string))
  })
})
