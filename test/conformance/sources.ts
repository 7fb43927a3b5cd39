/** What every source must do, written against the contract only. */

import { describe, expect, it } from 'vitest'
import type { Document, Source } from '../../src/contract.js'
import { joined } from '../extract/support.js'
import { never, opened } from '../support/load.js'

/** A place that documents come from, which the suite fills. */
export interface SourcePlace {
  /** A further source on the same place. */
  open(): Source
  /** Makes documents with these contents, or changes what is there. Returns the ids they shall be listed under. */
  put(contents: Readonly<Record<string, string>>): Promise<readonly string[]>
}

const EVERYTHING = { from: null, to: null }
const EVENT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login","actor_email":"ünï@example.com"}\n'

export async function listed(source: Source, signal = never): Promise<Document[]> {
  const documents: Document[] = []
  for await (const document of source.list(EVERYTHING, signal)) documents.push(document)
  return documents
}

const textOf = async (document: Document): Promise<string> => (await joined(await opened(document))).toString('utf8')

export function sourceConformance(name: string, newPlace: () => Promise<SourcePlace>): void {
  describe(name, () => {
    it('lists every document once, under the same id and version each time', async () => {
      const place = await newPlace()
      const ids = await place.put({ a: EVENT, b: '', c: EVENT.repeat(2) })
      const first = await listed(place.open())
      expect(first.map(({ id }) => id)).toEqual(ids)
      const again = await listed(place.open())
      expect(again.map(({ id, version }) => [id, version])).toEqual(first.map(({ id, version }) => [id, version]))
      expect(place.open().id).toBe(place.open().id)
    })

    it('gives the bytes as they are, as often as it is asked', async () => {
      const place = await newPlace()
      const contents = { a: EVENT.repeat(30_000), b: '\ufeff\r\n\0', c: '' }
      await place.put(contents)
      const documents = await listed(place.open())
      for (const [i, content] of Object.values(contents).entries()) {
        const document = documents[i] as Document
        expect(await textOf(document)).toBe(content)
        expect(await textOf(document)).toBe(content)
        expect([null, Buffer.byteLength(content)]).toContain(document.bytes)
      }
    })

    it('gives a changed document another version, and the others their own', async () => {
      const place = await newPlace()
      const ids = await place.put({ a: EVENT, b: EVENT })
      const before = await listed(place.open())
      await place.put({ a: EVENT.replace('login', 'logen') })
      const after = await listed(place.open())
      expect(after.map(({ id }) => id)).toEqual(ids)
      expect(after[0]?.version).not.toBe(before[0]?.version)
      expect(after[1]?.version).toBe(before[1]?.version)
    })

    it('finds what comes later', async () => {
      const place = await newPlace()
      await place.put({ b: EVENT })
      expect(await listed(place.open())).toHaveLength(1)
      await place.put({ a: EVENT })
      expect(await listed(place.open())).toHaveLength(2)
    })

    it('stops when it is told to', async () => {
      const place = await newPlace()
      await place.put({ a: EVENT.repeat(50_000), b: EVENT })
      await expect(listed(place.open(), AbortSignal.abort())).rejects.toThrow()
      const controller = new AbortController()
      const [document] = await listed(place.open())
      const reading = (async () => {
        for await (const chunk of await opened(document as Document, controller.signal)) {
          expect(chunk.length).toBeGreaterThan(0)
          controller.abort()
        }
      })()
      await expect(reading).rejects.toThrow()
    })

    it('can be closed, used or not', async () => {
      const place = await newPlace()
      await place.put({ a: EVENT })
      const source = place.open()
      await source.close()
      await expect(place.open().close()).resolves.toBeUndefined()
    })
  })
}
