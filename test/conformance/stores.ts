/** What every object store must do, written against the contract only. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AuditError } from '../../src/errors.js'
import type { ObjectStore, Reading, StoredObject } from '../../src/stores/contract.js'
import { joined } from '../landing/support.js'
import { never, newFolder } from '../support/load.js'

/** An empty place in a store. */
export interface StorePlace {
  /** A further store on the same place. */
  open(): ObjectStore | Promise<ObjectStore>
  /** All keys of the test begin with it. Under it there is nothing yet. */
  readonly prefix: string
  /** Those of HOSTILE_KEYS that the vendor allows. */
  readonly keys: readonly string[]
  /** Where a slash makes a folder, which cannot be called like an object beside it. */
  readonly hasFolders?: true
}

export const HOSTILE_KEYS = [
  'plain.json',
  'with space.json',
  'plus+plus.json',
  'percent%41%zz%2F.json',
  `quotes'"\`.json`,
  'a&b<c>d;e=f?g#h.json',
  'brackets[1]{2}(3)!*~.json',
  'back\\slash.json',
  'ünï-日本-🎉.json',
  'ẹ́-composed-and-de\u0301composed.json',
  'a/b/c.json',
  'a//b.json',
  '/leading.json',
  'trailing/',
  'up/../down/./here.json',
  '..',
  'tab\tand\nline\r.json',
  'control\u0001\u001f\u007f.json',
  'gap\u00a0\u2028\u200e.json',
  `${'long/'.repeat(150)}name.json`,
] as const

export const bytes = (text: string): Buffer => Buffer.from(text)

export async function listed(store: ObjectStore, prefix: string, signal = never): Promise<StoredObject[]> {
  const objects: StoredObject[] = []
  for await (const object of store.list(prefix, signal)) objects.push(object)
  return objects
}

export const keysOf = async (store: ObjectStore, prefix: string): Promise<string[]> =>
  (await listed(store, prefix)).map(({ key }) => key).sort()

/** All the bytes of a reading that must have found its object. */
export async function bytesOf(reading: Reading | null): Promise<Buffer> {
  if (reading === null) throw new Error('the object is no longer there')
  return joined(reading.chunks)
}

/** What a store has under a key, whole; null when nothing is there. */
export async function textOf(store: ObjectStore, key: string): Promise<string | null> {
  const object = await store.find(key, never)
  return object === null ? null : (await bytesOf(await store.read(object, 0, never))).toString('utf8')
}

export async function written(
  store: ObjectStore,
  key: string,
  content: string,
): Promise<{ key: string; version: string }> {
  const version = await store.write(key, bytes(content), 'any', never)
  return { key, version: version as string }
}

export async function failureOf(work: Promise<unknown>): Promise<AuditError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(AuditError)
  return error as AuditError
}

/**
 * @param newPlace a fresh place for each test; whoever makes it sees to its end
 */
export function storeConformance(name: string, newPlace: () => Promise<StorePlace>): void {
  describe(name, () => {
    it('keeps every key it is given, lists each once, finds it and reads it', async () => {
      const { open, prefix, keys } = await newPlace()
      const store = await open()
      const full = keys.map((key) => prefix + key)
      const versions = new Map<string, string | null>()
      for (const key of full) versions.set(key, await store.write(key, bytes(`content of ${key}`), 'any', never))
      const objects = await listed(store, prefix)
      expect(objects.map(({ key }) => key).sort()).toEqual([...full].sort())
      for (const object of objects) {
        expect(object.bytes).toBe(bytes(`content of ${object.key}`).length)
        expect(object.version).toBe(versions.get(object.key))
        expect(object.lastModified.getTime()).toBeGreaterThan(Date.parse('2020-01-01T00:00:00Z'))
        expect(await store.find(object.key, never)).toMatchObject({ version: object.version, bytes: object.bytes })
        expect(await textOf(store, object.key)).toBe(`content of ${object.key}`)
      }
      await store.close()
    })

    it('lists what begins with the prefix and nothing else, and nothing where nothing is', async () => {
      const { open, prefix, hasFolders } = await newPlace()
      const store = await open()
      const beside = hasFolders === true ? 'logs.' : 'logs'
      for (const key of ['logs/1', 'logs/2', beside, 'logs-old/1', 'Logs/1', 'log'])
        await written(store, prefix + key, key)
      expect(await keysOf(store, `${prefix}logs/`)).toEqual([`${prefix}logs/1`, `${prefix}logs/2`])
      expect(await keysOf(store, `${prefix}logs-`)).toEqual([`${prefix}logs-old/1`])
      expect(await keysOf(store, `${prefix}none/`)).toEqual([])
      await store.close()
    })

    it('gives changed content another version, and what did not change its own', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const first = await written(store, `${prefix}a`, 'one')
      const other = await written(store, `${prefix}b`, 'one')
      const second = await written(store, `${prefix}a`, 'one more')
      expect(second.version).not.toBe(first.version)
      const versions = (await listed(await open(), prefix)).map(({ version }) => version)
      expect(versions).toEqual([second.version, other.version])
      await store.close()
    })

    it('finds null where nothing is', async () => {
      const { open, prefix } = await newPlace()
      expect(await (await open()).find(`${prefix}nothing`, never)).toBeNull()
    })

    it('reads exactly the bytes it was given, none included', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) % 251))
      for (const all of [content, Buffer.alloc(0)]) {
        const version = (await store.write(`${prefix}a`, all, 'any', never)) as string
        const reading = await store.read({ key: `${prefix}a`, version }, 0, never)
        expect((await bytesOf(reading)).equals(all)).toBe(true)
      }
      await store.close()
    })

    it('reads from any byte on, and nothing from the end on', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const object = await written(store, `${prefix}a`, '0123456789')
      for (const from of [0, 1, 9, 10]) {
        const reading = await store.read(object, from, never)
        expect((await bytesOf(reading)).toString()).toBe('0123456789'.slice(from))
      }
      await store.close()
    })

    it('does not read what was overwritten or removed since', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const first = await written(store, `${prefix}a`, 'one')
      const second = await written(store, `${prefix}a`, 'two')
      for (const from of [0, 1]) expect(await store.read(first, from, never)).toBeNull()
      expect(await store.read(second, 0, never)).not.toBeNull()
      await store.remove(`${prefix}a`, never)
      for (const from of [0, 1]) expect(await store.read(second, from, never)).toBeNull()
      await store.close()
    })

    it('writes a file as it is, however large', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const file = join(newFolder(), 'content')
      for (const content of [Buffer.alloc(5_000_000, 'wandb-audit '), Buffer.alloc(0)]) {
        writeFileSync(file, content)
        const version = (await store.write(`${prefix}a`, { file }, 'any', never)) as string
        expect(await store.find(`${prefix}a`, never)).toMatchObject({ version, bytes: content.length })
        const reading = await store.read({ key: `${prefix}a`, version }, 0, never)
        expect((await bytesOf(reading)).equals(content)).toBe(true)
      }
      const failure = await failureOf(store.write(`${prefix}b`, { file: `${file}-not-there` }, 'any', never))
      expect(failure.message).toContain('content-not-there')
      expect(await store.find(`${prefix}b`, never)).toBeNull()
      await store.close()
    })

    it('writes where nothing is yet, once', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      expect(await store.write(`${prefix}a`, bytes('first'), 'absent', never)).not.toBeNull()
      expect(await store.write(`${prefix}a`, bytes('second'), 'absent', never)).toBeNull()
      expect(await store.write(`${prefix}a`, bytes('first'), 'absent', never)).toBeNull()
      expect(await textOf(store, `${prefix}a`)).toBe('first')
      await store.close()
    })

    it('writes over exactly the version it was told, and never where nothing is', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const first = await written(store, `${prefix}a`, 'first')
      const version = await store.write(`${prefix}a`, bytes('second'), { version: first.version }, never)
      expect(version).not.toBeNull()
      expect(await store.write(`${prefix}a`, bytes('third'), { version: first.version }, never)).toBeNull()
      expect(await textOf(store, `${prefix}a`)).toBe('second')
      await store.remove(`${prefix}a`, never)
      expect(await store.write(`${prefix}a`, bytes('fourth'), { version: version as string }, never)).toBeNull()
      expect(await store.find(`${prefix}a`, never)).toBeNull()
      await store.close()
    })

    it('lets one of many win who write at once', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const names = Array.from({ length: 8 }, (_, i) => `writer ${i}`)
      const race = async (condition: 'absent' | { version: string }): Promise<string> => {
        const versions = await Promise.all(names.map((who) => store.write(`${prefix}a`, bytes(who), condition, never)))
        const winners = names.filter((_, i) => versions[i] !== null)
        expect(winners).toHaveLength(1)
        expect(await textOf(store, `${prefix}a`)).toBe(winners[0])
        return versions.find((version) => version !== null) as string
      }
      const version = await race('absent')
      const other = await store.write(`${prefix}a`, bytes('between'), { version }, never)
      await race({ version: other as string })
      await store.close()
    })

    it('removes what is there, and does not mind when nothing is', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      await written(store, `${prefix}a`, 'one')
      await written(store, `${prefix}ab`, 'one')
      await store.remove(`${prefix}a`, never)
      await store.remove(`${prefix}a`, never)
      expect(await keysOf(store, prefix)).toEqual([`${prefix}ab`])
      await store.close()
    })

    it('does nothing once it is told to stop', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const object = await written(store, `${prefix}a`, 'one')
      const stop = AbortSignal.abort()
      const works = [
        () => listed(store, prefix, stop),
        () => store.find(`${prefix}a`, stop),
        () => store.read(object, 0, stop),
        () => store.write(`${prefix}b`, bytes('one'), 'any', stop),
        () => store.remove(`${prefix}a`, stop),
      ]
      for (const work of works) expect((await failureOf(work())).message).toBe('interrupted')
      expect(await keysOf(store, prefix)).toEqual([`${prefix}a`])
      await store.close()
    })

    it('stops in the middle of a body', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      const version = (await store.write(`${prefix}a`, Buffer.alloc(20_000_000), 'any', never)) as string
      const controller = new AbortController()
      const reading = await store.read({ key: `${prefix}a`, version }, 0, controller.signal)
      const work = (async () => {
        for await (const chunk of reading?.chunks ?? []) {
          expect(chunk.length).toBeGreaterThan(0)
          controller.abort()
        }
      })()
      expect((await failureOf(work)).message).toBe('interrupted')
      await store.close()
    })

    it('has an id without a key, and can be closed, used or not', async () => {
      const { open, prefix } = await newPlace()
      const store = await open()
      expect(store.id).toMatch(/^(?:s3|gs|az|file):\/\/[^?]*[^/?]$/)
      expect(store.id).toBe((await open()).id)
      await listed(store, prefix)
      await store.close()
      await expect((await open()).close()).resolves.toBeUndefined()
    })
  })
}
