import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { directoryStore } from '../../src/stores/directory.js'
import { bytes, failureOf, HOSTILE_KEYS, keysOf, storeConformance, textOf, written } from '../conformance/stores.js'
import { never, newFolder } from '../support/load.js'

const isFileName = (key: string): boolean => !key.split('/').some((part) => ['', '.', '..'].includes(part))

storeConformance('a folder as a store', async () => {
  const root = newFolder()
  return {
    open: () => directoryStore(root),
    prefix: 'a place/',
    keys: HOSTILE_KEYS.filter(isFileName),
    hasFolders: true,
  }
})

const unfinished = (root: string): string[] => readdirSync(join(root, '.unfinished'))
const COUNTER = fileURLToPath(new URL('../support/count-up.ts', import.meta.url))

/** Counts one object up so many times in a process of its own, by reading it and replacing what was read. */
function countUp(root: string, times: number): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', COUNTER, root, String(times)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

describe('a folder as a store', () => {
  const umask = process.umask()
  afterEach(() => {
    process.umask(umask)
  })

  it.each(['', '/', '..', '../out', 'a/../../out', '/abs', 'a//b', 'a/', './a', '.unfinished/a', 'a\0b'])(
    'refuses the key %j',
    async (key) => {
      const root = join(newFolder(), 'root')
      const store = directoryStore(root)
      expect((await failureOf(store.write(key, bytes('x'), 'any', never))).message).toContain('no file of a folder')
      expect((await failureOf(store.find(key, never))).message).toContain('no file of a folder')
      expect(readdirSync(join(root, '..'))).not.toContain('out')
    },
  )

  it('loses no step of processes that count up one object at once', async () => {
    const root = newFolder()
    await written(directoryStore(root), 'a/count', '0')
    const children = [1, 2, 3].map(() => countUp(root, 40))
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]))
    expect(codes).toEqual([0, 0, 0])
    expect(await textOf(directoryStore(root), 'a/count')).toBe('120')
  })

  it('loses no step that was told when the one who counts is killed, wherever that was', async () => {
    const root = newFolder()
    const store = directoryStore(root)
    await written(store, 'a/count', '0')
    for (let kill = 1; kill <= 5; kill++) {
      const child = countUp(root, 1_000_000)
      let told = ''
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        told += text
        if (told.split('\n').length > 5 * kill) child.kill('SIGKILL')
      })
      await once(child, 'close')
      const last = Number(told.split('\n').at(-2))
      const count = Number(await textOf(store, 'a/count'))
      expect(count - last).toBeGreaterThanOrEqual(0)
      expect(count - last).toBeLessThanOrEqual(1)
    }
  })

  it('finishes what a writer claimed that was killed before its rename, and gives no version two successors', async () => {
    const root = newFolder()
    const store = directoryStore(root)
    const first = await written(store, 'a', 'one')
    const version = (await store.write('a', bytes('two'), first, never)) as string
    const [claim = ''] = unfinished(root)
    writeFileSync(join(root, '.unfinished/content'), 'three')
    symlinkSync('content', join(root, '.unfinished', claim.replace(first.version, version)))
    expect(await store.write('a', bytes('another'), { version }, never)).toBeNull()
    expect(await textOf(store, 'a')).toBe('three')
    expect(await store.write('a', bytes('another'), { version }, never)).toBeNull()
    const third = await store.find('a', never)
    expect(await store.write('a', bytes('four'), { version: third?.version ?? '' }, never)).not.toBeNull()
    expect(await textOf(store, 'a')).toBe('four')
  })

  it('removes what killed writers left, a day later', async () => {
    const root = newFolder()
    await written(directoryStore(root), 'a', 'one')
    mkdirSync(join(root, '.unfinished/scratch-x'))
    writeFileSync(join(root, '.unfinished/scratch-x/file'), 'x')
    writeFileSync(join(root, '.unfinished/left'), 'x')
    writeFileSync(join(root, '.unfinished/young'), 'x')
    const yesterday = Date.now() / 1000 - 90_000
    for (const name of ['scratch-x', 'left']) utimesSync(join(root, '.unfinished', name), yesterday, yesterday)
    await written(directoryStore(root), 'a', 'two')
    expect(unfinished(root).filter((name) => /left|scratch|young/.test(name))).toEqual(['young'])
  })

  it('lists only what is finished', async () => {
    const root = newFolder()
    const store = directoryStore(root)
    await written(store, 'a/b', 'one')
    writeFileSync(join(root, '.unfinished/left'), 'x')
    symlinkSync('/etc/hostname', join(root, 'a/link'))
    expect(await keysOf(store, '')).toEqual(['a/b'])
    expect(await store.find('a/link', never)).toBeNull()
    expect(await store.find('a', never)).toBeNull()
    expect(await store.find('a/b/c', never)).toBeNull()
  })

  it('lists one of two names that take turns, whenever it looks', async () => {
    const root = newFolder()
    const store = directoryStore(root)
    await written(store, 'a/1', '1')
    let going = true
    const taking = async (): Promise<void> => {
      for (let n = 1; n < 2000; n++) {
        await writeFile(join(root, 'a', `${n + 1}`), 'x')
        await rm(join(root, 'a', `${n}`))
      }
      going = false
    }
    const took = taking()
    let looks = 0
    for (; going; looks++) expect(await keysOf(store, 'a/'), `look ${looks}`).not.toEqual([])
    await took
    expect(looks).toBeGreaterThan(10)
  })

  it('is for its owner only where the process says so', async () => {
    const root = join(newFolder(), 'root')
    process.umask(0o077)
    const file = join(newFolder(), 'file')
    writeFileSync(file, 'x')
    const store = directoryStore(root)
    await store.write('a/b', bytes('x'), 'any', never)
    await store.write('a/c', { file }, 'absent', never)
    const modes = ['', '.unfinished', 'a', 'a/b', 'a/c'].map((name) =>
      (statSync(join(root, name)).mode & 0o777).toString(8),
    )
    expect(modes).toEqual(['700', '700', '700', '600', '600'])
  })

  it('says what to do when its folder cannot be made or written to', async () => {
    const missing = directoryStore(join(newFolder(), 'none/root'))
    expect(await failureOf(missing.write('a', bytes('x'), 'any', never))).toMatchObject({
      message: expect.stringContaining('ENOENT'),
      advice: expect.stringContaining('Make the parent folder'),
    })
    expect(await keysOf(missing, '')).toEqual([])
    const root = newFolder()
    writeFileSync(join(root, 'a'), 'x')
    expect(await failureOf(directoryStore(root).write('a/b', bytes('x'), 'any', never))).toMatchObject({
      advice: expect.stringMatching(/a file has the name|choose another/i),
    })
  })

  it('pins a version, which stays readable after it was replaced', async () => {
    const root = newFolder()
    const store = directoryStore(root)
    const object = await written(store, 'a', 'one')
    const scratch = await store.scratch()
    expect(await store.pin(object, join(scratch, 'pinned'))).toBe(true)
    await store.write('a', bytes('two'), object, never)
    expect(await textOf(directoryStore(scratch), 'pinned')).toBe('one')
    expect(await store.pin(object, join(scratch, 'again'))).toBeNull()
    expect(readdirSync(scratch)).toEqual(['pinned'])
    await store.remove('a', never)
    expect(await store.pin(object, join(scratch, 'again'))).toBeNull()
  })
})
