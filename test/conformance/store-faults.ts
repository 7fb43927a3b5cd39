/** What every object store must do when something goes wrong on the way: what a repeat may mend is not noticed, the rest told. */

import { describe, expect, it } from 'vitest'
import type { ObjectStore } from '../../src/stores/contract.js'
import { never } from '../support/load.js'
import { bytes, bytesOf, failureOf, keysOf, type StorePlace, textOf, written } from './stores.js'

/** What goes wrong on the way to a store. Each takes effect once, on the next request it fits. */
export interface StoreFaults {
  /** The body of the next read ends after so many bytes, by a reset or by a close that looks orderly. */
  breakRead(how: 'reset' | 'short', afterBytes: number): void
  /** The body of the next read arrives in pieces of one byte. */
  pieceRead(): void
  /** The next request is answered as the vendor answers who asks too often. */
  throttle(): void
  /** The next request is reset before it is looked at. */
  reset(): void
  /** The next write is carried out, and its answer lost. */
  loseWriteAnswer(): void
  /** The next request is never answered. */
  stall(): void
  /** How many have not taken effect. */
  left(): number
}

/** A place in a stand-in, where things go wrong on request. */
export interface FaultyPlace extends StorePlace {
  open(): ObjectStore
  readonly faults: StoreFaults
  /** Moves an object into an archive tier, or restores it; absent where every tier can be read. */
  archive?(key: string, state: 'archived' | 'restored'): Promise<void>
}

export function storeFaultConformance(name: string, newPlace: () => Promise<FaultyPlace>): void {
  describe(`${name}, with faults on the way`, () => {
    it('repeats what was throttled or reset, for every request', async () => {
      const { open, prefix, faults } = await newPlace()
      const store = await open()
      const object = await written(store, `${prefix}a`, 'one')
      for (const fault of [faults.throttle, faults.reset]) {
        fault()
        expect(await keysOf(store, prefix)).toEqual([`${prefix}a`])
        fault()
        expect(await store.find(`${prefix}a`, never)).toMatchObject({ version: object.version })
        fault()
        expect(await store.read(object, 0, never)).not.toBeNull()
        fault()
        expect(await store.write(`${prefix}b`, bytes('two'), 'absent', never)).not.toBeNull()
        fault()
        await store.remove(`${prefix}b`, never)
        expect(await store.find(`${prefix}b`, never)).toBeNull()
        expect(faults.left()).toBe(0)
      }
      await store.close()
    })

    it.each(['reset', 'short'] as const)(
      'a body that breaks off (%s) is told, and can be gone on with',
      async (how) => {
        const { open, prefix, faults } = await newPlace()
        const store = await open()
        const text = 'x'.repeat(100_000)
        const object = await written(store, `${prefix}a`, text)
        faults.breakRead(how, 50_000)
        const reading = await store.read(object, 0, never)
        let received = 0
        const work = (async () => {
          for await (const chunk of reading?.chunks ?? []) received += chunk.length
        })()
        expect((await failureOf(work)).retryable).toBe(true)
        expect(received).toBeLessThan(text.length)
        const rest = await store.read(object, received, never)
        expect((await bytesOf(rest)).length).toBe(text.length - received)
        await store.close()
      },
    )

    it('a body that breaks off before anybody reads it is told to who reads it', async () => {
      const { open, prefix, faults } = await newPlace()
      const store = await open()
      const object = await written(store, `${prefix}a`, 'x'.repeat(100_000))
      faults.breakRead('reset', 10)
      const reading = await store.read(object, 0, never)
      await store.list(prefix, never)[Symbol.asyncIterator]().next()
      expect((await failureOf(bytesOf(reading))).retryable).toBe(true)
      await store.close()
    })

    it('a body in the smallest pieces is the same', async () => {
      const { open, prefix, faults } = await newPlace()
      const store = await open()
      await written(store, `${prefix}a`, 'piece by piece')
      faults.pieceRead()
      expect(await textOf(store, `${prefix}a`)).toBe('piece by piece')
      await store.close()
    })

    it('a write whose answer was lost is known for its own', async () => {
      const { open, prefix, faults } = await newPlace()
      const store = await open()
      faults.loseWriteAnswer()
      const first = (await store.write(`${prefix}a`, bytes('first'), 'absent', never)) as string
      expect(await store.find(`${prefix}a`, never)).toMatchObject({ version: first })
      faults.loseWriteAnswer()
      const second = await store.write(`${prefix}a`, bytes('second'), { version: first }, never)
      expect(await store.find(`${prefix}a`, never)).toMatchObject({ version: second })
      expect(await textOf(store, `${prefix}a`)).toBe('second')
      expect(faults.left()).toBe(0)
      await store.close()
    })

    it("a repeated write does not take another one's equal object for its own", async () => {
      const { open, prefix, faults } = await newPlace()
      const store = await open()
      await written(store, `${prefix}a`, 'same')
      faults.reset()
      expect(await store.write(`${prefix}a`, bytes('same'), 'absent', never)).toBeNull()
      expect(faults.left()).toBe(0)
      await store.close()
    })

    it('waiting for an answer ends when it is told to stop', async () => {
      const { open, prefix, faults } = await newPlace()
      const store = await open()
      const controller = new AbortController()
      faults.stall()
      const work = failureOf(store.find(`${prefix}a`, controller.signal))
      while (faults.left() > 0) await new Promise((resolve) => setImmediate(resolve))
      controller.abort()
      expect((await work).message).toBe('interrupted')
      await store.close()
    })
  })
}
