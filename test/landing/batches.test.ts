import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Document } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'
import { type BatchingOptions, type LandedBatch, landBatches } from '../../src/landing/batches.js'
import { GENEROUS } from '../../src/landing/limits.js'
import { documentOf, never, newFolder } from '../support/load.js'

const LINE = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"}\n'
const small = (id: string): Document => documentOf(id, LINE.replace('login', id), 'v')
const large = (id: string): Document => documentOf(id, LINE.repeat(30_000), 'v')

const batching = (options: Partial<BatchingOptions> = {}): BatchingOptions => ({
  ...{ folder: newFolder(), batchBytes: 1e9, concurrency: 1, signal: never, limits: GENEROUS },
  ...{ alreadyLoaded: () => false, onBytes() {}, onLanded() {}, onSkipped() {}, onGone() {}, onFailed() {} },
  ...options,
})

async function batchesOf(documents: readonly Document[], options?: Partial<BatchingOptions>): Promise<LandedBatch[]> {
  const batches = []
  for await (const batch of landBatches(documents, batching(options))) batches.push(batch)
  return batches
}

/** The ids of each spool file's documents. */
const idsOf = (batches: readonly LandedBatch[]): string[][] =>
  batches.flatMap(({ files }) => files.map(({ documents }) => documents.map(({ document }) => document.id)))

describe('documents of a batch', () => {
  it('share a spool file while they are small, in their order', async () => {
    const [batch] = await batchesOf([small('a'), small('b'), large('c'), small('d'), small('e'), large('f')])
    expect(idsOf([batch as LandedBatch])).toEqual([['a', 'b'], ['c'], ['d', 'e'], ['f']])
    const [first] = batch?.files ?? []
    expect(readFileSync(first?.path ?? '', 'utf8')).toBe(LINE.replace('login', 'a') + LINE.replace('login', 'b'))
    expect(readdirSync(batch?.folder ?? '')).toEqual(['00000000', '00000001', '00000002', '00000003'])
  })

  it('stand on lines of their own, whether or not their last one ends', async () => {
    const [batch] = await batchesOf([
      documentOf('a', '{}', 'v'),
      documentOf('empty', '', 'v'),
      documentOf('b', '{}', 'v'),
    ])
    expect(readFileSync(batch?.files[0]?.path ?? '', 'utf8')).toBe('{}\n{}\n')
    expect(batch?.files[0]?.documents.map(({ lines }) => lines)).toEqual([1, 0, 1])
  })

  it('have a file to themselves with a line too long for the engine', async () => {
    const long = documentOf('long', `${LINE}${'x'.repeat(2 << 20)}\n`, 'v')
    expect(idsOf(await batchesOf([small('a'), long, small('b')]))).toEqual([['a'], ['long'], ['b']])
  })

  it('are as many as fill it', async () => {
    const documents = ['a', 'b', 'c', 'd', 'e'].map(small)
    expect(idsOf(await batchesOf(documents, { batchBytes: 2 * LINE.length - 10 }))).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['e'],
    ])
  })

  it('are as many as arrive in two minutes, so that a kill costs no more than that', async () => {
    let minutes = 0
    const slow = (id: string): Document => {
      const document = small(id)
      return { ...document, open: (signal) => document.open(signal).finally(() => minutes++) }
    }
    const documents = ['a', 'b', 'c', 'd', 'e'].map(slow)
    expect(idsOf(await batchesOf(documents, { now: () => minutes * 60_000 }))).toEqual([['a', 'b'], ['c', 'd'], ['e']])
  })
})

describe('landing several at once', () => {
  /** Documents that arrive in the reverse of their order, each when all after it have. */
  function reversed(count: number): { documents: Document[]; most: () => number } {
    let underWay = 0
    let most = 0
    let next = Promise.resolve()
    const documents = Array.from({ length: count }, (_, i) => small(`d${count - 1 - i}`)).map((document) => {
      const before = next
      let arrived = (): void => {}
      next = new Promise((resolve) => {
        arrived = resolve
      })
      return {
        ...document,
        async open(signal: AbortSignal) {
          most = Math.max(most, ++underWay)
          await before
          underWay--
          arrived()
          return document.open(signal)
        },
      }
    })
    return { documents: documents.reverse(), most: () => most }
  }

  it('keeps their order, and within the number', async () => {
    const { documents, most } = reversed(4)
    expect(idsOf(await batchesOf(documents, { concurrency: 4 }))).toEqual([['d0', 'd1', 'd2', 'd3']])
    expect(most()).toBe(4)
  })

  it('goes on past one that fails, one that is gone and one that is loaded', async () => {
    const told: string[] = []
    const failing = { ...small('failing'), open: () => Promise.reject(new AuditError('no way')) }
    const gone = { ...small('gone'), open: async () => null }
    const batches = await batchesOf([failing, small('a'), gone, documentOf('known', LINE), small('b')], {
      concurrency: 3,
      alreadyLoaded: ({ id }) => id === 'known',
      onFailed: ({ id }, error) => told.push(`${id}: ${error.message}`),
      onGone: ({ id }) => told.push(id),
      onSkipped: ({ id }) => told.push(id),
    })
    expect(idsOf(batches)).toEqual([['a', 'b']])
    expect(told.sort()).toEqual(['failing: landing failing failed: no way', 'gone', 'known'])
  })

  it('leaves no file of one that is not loaded', async () => {
    const folder = newFolder()
    const cut = documentOf('cut', gzipSync(LINE.repeat(10_000)).subarray(0, -20), 'v')
    const known = documentOf('known', `${LINE}${'x'.repeat(2 << 20)}\n`)
    await batchesOf([cut, known], { folder, alreadyLoaded: () => true })
    expect(readdirSync(folder, { recursive: true }).filter((name) => /landing-.+[/]/.test(String(name)))).toEqual([])
  })

  it('leaves none under way behind when nobody wants more', async () => {
    const stop = new AbortController()
    let stopped = 0
    const endless: Document = {
      ...small('endless'),
      async open(signal) {
        async function* stream(): AsyncGenerator<Uint8Array> {
          try {
            for (;;) {
              await new Promise(setImmediate)
              signal.throwIfAborted()
              yield Buffer.from(LINE)
            }
          } finally {
            stopped++
          }
        }
        return stream()
      },
    }
    const options = batching({ concurrency: 3, signal: stop.signal, batchBytes: 1 })
    const batches = landBatches([small('a'), endless, endless], options)
    expect((await batches.next()).done).toBe(false)
    stop.abort()
    await batches.return(undefined)
    expect(stopped).toBe(2)
  })
})
