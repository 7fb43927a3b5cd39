import { appendFileSync, existsSync, lstatSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Document } from '../../src/contract.js'
import { changedSince } from '../../src/landing/landing.js'
import { fileSource } from '../../src/sources/files.js'
import { sha256 } from '../support/exact.js'
import { batchOf, documentOf, never, newEngine, newFolder } from '../support/load.js'
import { failure, landDocument, landed, landing } from './support.js'

const EVENT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"}\n'

async function documentAt(path: string): Promise<Document> {
  for await (const document of fileSource(path).list({ from: null, to: null }, never)) return document
  throw new Error('no document')
}

/** A file to which something happens right before each reading. */
async function changingDocument(path: string, change: (reading: number) => void): Promise<Document> {
  const document = await documentAt(path)
  let readings = 0
  return {
    ...document,
    open: (signal) => {
      change(++readings)
      return document.open(signal)
    },
  }
}

function fileOf(content: string | Uint8Array, name = 'log'): string {
  const path = join(newFolder(), name)
  writeFileSync(path, content)
  return path
}

const mebibytes = (count: number): string => 'x'.repeat(count << 20)

/** Longer than what the engine is shown. */
const LONG = 'x'.repeat(5000)

describe('a plain local file', () => {
  it('is read where it is, not copied', async () => {
    const path = fileOf(EVENT.repeat(3))
    const result = await landDocument(await documentAt(path), landing())
    expect(lstatSync(result.path).isSymbolicLink()).toBe(true)
    expect(result).toMatchObject({ lines: 3, bytes: 3 * EVENT.length, textBytes: 3 * EVENT.length, moreFollow: false })
    expect(result.sha256).toBe(sha256(EVENT.repeat(3)))
    expect(await changedSince(result)).toBe(false)
  })

  it('is seen to have changed afterwards, however it was changed', async () => {
    const changes: readonly ((path: string) => void)[] = [
      (path) => appendFileSync(path, EVENT),
      (path) => writeFileSync(path, EVENT.replace('12', '13')),
      (path) => renameSync(path, `${path}.gone`),
    ]
    for (const change of changes) {
      const path = fileOf(EVENT)
      const result = await landDocument(await documentAt(path), landing())
      change(path)
      expect(await changedSince(result)).toBe(true)
    }
  })

  it.each([
    ['begins with a byte order mark', `\ufeff${EVENT}`],
    ['is a page', `{"audit_logs":[${EVENT}]}`],
    ['is packed', gzipSync(EVENT)],
    ['has a long line', `${LONG}\n${EVENT}`],
    ['has a line of many values', `[${'1,'.repeat(300)}1]\n${EVENT}`],
    ['has a long line of white space', `${' '.repeat(5000)}\n${EVENT}`],
    ['is empty', ''],
    ['is a single character, which the engine would overlook', '{'],
  ])('is copied when it %s, and is left as it was', async (_what, content) => {
    const path = fileOf(content)
    const result = await landDocument(await documentAt(path), landing())
    expect(lstatSync(result.path).isFile()).toBe(true)
    expect(result.inPlace).toBeNull()
    expect(readFileSync(path).equals(Buffer.from(content as string))).toBe(true)
    expect(result.sha256).toBe(sha256(content))
  })

  it('is copied when that is asked for, and the link to it is not written through', async () => {
    const path = fileOf(EVENT)
    const options = landing()
    await landDocument(await documentAt(path), options)
    const result = await landDocument(await documentAt(path), { ...options, allowInPlace: false })
    expect(lstatSync(result.path).isFile()).toBe(true)
    expect(lstatSync(result.path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toBe(EVENT)
  })

  it('elsewhere that the spool was made to point at is not written to', async () => {
    const elsewhere = fileOf('precious')
    const options = landing()
    symlinkSync(elsewhere, options.path)
    await landDocument(documentOf('a', EVENT), options)
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious')
  })

  it('that goes on changing while it is read is not loaded', async () => {
    const path = fileOf(EVENT)
    const document = await changingDocument(path, (reading) => appendFileSync(path, `${EVENT}${reading}`))
    const error = await failure(landDocument(document, landing()))
    expect(error.message).toMatch(/landing .*log failed: the file changed while it was read/)
  })

  it('that changes once is read again, and each byte is reported once', async () => {
    const path = fileOf(EVENT)
    const document = await changingDocument(path, (reading) => {
      if (reading === 1) appendFileSync(path, EVENT)
    })
    let reported = 0
    const { lines, bytes } = await landDocument(document, landing({ onBytes: (more) => (reported += more) }))
    expect([lines, bytes, reported]).toEqual([2, 2 * EVENT.length, 2 * EVENT.length])
  })

  it('that went away says so', async () => {
    const path = fileOf(EVENT)
    const document = await documentAt(path)
    renameSync(path, `${path}.gone`)
    expect(await failure(landDocument(document, landing()))).toMatchObject({
      message: expect.stringContaining('ENOENT'),
      advice: expect.stringContaining('when it was listed'),
    })
  })
})

describe('a landed document', () => {
  it('has its bytes as they arrived hashed and its text counted', async () => {
    const packed = gzipSync(`\n${EVENT} \r\n${EVENT}`)
    const result = await landed(packed)
    expect(result).toMatchObject({ bytes: packed.length, sha256: sha256(packed), lines: 2, version: sha256(packed) })
    expect(readFileSync(result.path, 'utf8')).toBe(`\n${EVENT} \r\n${EVENT}`)
  })

  it('keeps the version its source knows', async () => {
    expect((await landDocument(documentOf('a', EVENT, 'ETag'), landing())).version).toBe('ETag')
  })

  it('has its long lines beside it', async () => {
    const { path, lines, longLines } = await landed(`${EVENT}${mebibytes(2)}\n${EVENT}${mebibytes(3)}`)
    expect(readFileSync(path, 'utf8')).toBe(`${EVENT}!\n${EVENT}!\n`)
    expect(lines).toBe(4)
    expect([...longLines]).toEqual([
      [2, { offset: 0, length: 2 << 20 }],
      [4, { offset: 2 << 20, length: 3 << 20 }],
    ])
    expect(lstatSync(`${path}.long`).size).toBe(5 << 20)
  })

  it('has no line of more than 64 MiB', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(1 << 20, 0x78)
    }
    const document = { ...documentOf('a', ''), open: async () => endless() }
    expect(await failure(landDocument(document, landing()))).toMatchObject({
      message: expect.stringContaining('line 1 is longer than 64 MiB; none of the document was loaded'),
    })
  })

  it('names itself in an error, without what could disturb a terminal', async () => {
    const error = await failure(landDocument(documentOf('a\u001b[2Jb\nc', gzipSync(EVENT).subarray(0, 20)), landing()))
    expect(error.message).toBe(
      'landing a\\u001b[2Jb\\u000ac failed: the gzip archive is cut short, damaged or followed by other bytes; none of it was loaded',
    )
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let i = 0; ; i++) {
        if (i === 3) controller.abort()
        yield Buffer.from(EVENT)
      }
    }
    const options = landing({ signal: controller.signal })
    const error = await failure(landDocument({ ...documentOf('a', ''), open: async () => endless() }, options))
    expect(error).toMatchObject({ message: 'interrupted', exitCode: 130 })
    expect(existsSync(`${options.path}.long`)).toBe(false)
  })
})

it('landing and the engine agree on what a line is', async () => {
  const engine = await newEngine()
  const piece = fc.constantFrom(
    ...[
      '\n',
      '\n',
      '\r',
      ' ',
      '\t',
      '\v',
      '\f',
      '\0',
      'a',
      '{}',
      '{"timestamp":"',
      '"',
      '{',
      '}',
      '\\',
      '\ufeff',
      '\u0085',
      '\u2028',
    ].map((text) => Buffer.from(text)),
    Buffer.from([0xff]),
    Buffer.from([0xc3]),
    Buffer.from(EVENT),
  )
  const documents = fc.sample(fc.array(piece, { maxLength: 12 }), { numRuns: 400, seed: 20261001 })
  // Without a line of a log, NUL characters make a document binary.
  const input = documents.map((pieces, i) =>
    documentOf(String(i), Buffer.concat([...pieces, Buffer.from(`\n${EVENT}`)])),
  )
  expect((await batchOf(engine, [documentOf('alone', '{')])).rejected).toBe(1)
  // A line that one of them counts and the other does not makes the transform fail.
  const batch = await batchOf(engine, input)
  expect(batch.documents).toBe(400)
  expect(batch.rowsRead).toBeGreaterThan(400)
})
