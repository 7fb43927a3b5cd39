import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { removeAllScratch, removeScratch, scratchFolder } from '../src/scratch.js'
import { newFolder } from './support/load.js'

const umask = process.umask()
let cache = ''
let system = ''
beforeEach(() => {
  cache = newFolder()
  system = newFolder()
  vi.stubEnv('XDG_CACHE_HOME', cache)
  vi.stubEnv('TMPDIR', system)
})
afterEach(() => {
  removeAllScratch()
  process.umask(umask)
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const own = (): string => join(cache, 'wandb-audit')
const modeOf = (path: string): number => statSync(path).mode & 0o777

/** What a killed process of this host leaves. */
async function abandoned(parent?: string): Promise<string> {
  const folder = await scratchFolder(parent)
  const { pid } = spawnSync('true')
  const left = folder.replace(`-${process.pid}-`, `-${pid}-`)
  renameSync(folder, left)
  mkdirSync(join(left, 'spill'))
  writeFileSync(join(left, 'spill/events'), 'x')
  return left
}

/** Looks at what is ours with another user's eyes. */
const asAnotherUser = (): void => {
  vi.spyOn(process, 'getuid').mockReturnValue((process.getuid?.() ?? 0) + 1)
}

describe('a temporary folder', () => {
  it('lies in the cache folder of its user, who alone may enter either', async () => {
    process.umask(0)
    const folder = await scratchFolder()
    expect(dirname(folder)).toBe(own())
    expect([modeOf(own()), modeOf(folder)]).toEqual([0o700, 0o700])
  })

  it('is refused with advice where nothing can be written, as on a read-only disk', async () => {
    vi.stubEnv('XDG_CACHE_HOME', join(cache, 'missing/below'))
    vi.stubEnv('TMPDIR', join(system, 'missing'))
    await expect(scratchFolder()).rejects.toMatchObject({
      name: 'AuditError',
      message: `no temporary folder can be created in ${join(system, 'missing')}: ENOENT`,
      advice: 'Name an existing, writable folder in XDG_CACHE_HOME.',
      exitCode: 2,
      outside: true,
    })
    await expect(scratchFolder(join(system, 'none'))).rejects.toMatchObject({
      advice: expect.stringContaining('--spool'),
    })
  })

  it('closes a cache folder that was open to others', async () => {
    mkdirSync(own())
    chmodSync(own(), 0o777)
    await scratchFolder()
    expect(modeOf(own())).toBe(0o700)
  })

  it('lies below ~/.cache where XDG_CACHE_HOME is no absolute path', async () => {
    vi.stubEnv('XDG_CACHE_HOME', 'relative')
    vi.stubEnv('HOME', cache)
    expect(dirname(await scratchFolder())).toBe(join(cache, '.cache/wandb-audit'))
  })

  it.each([
    ['is a link', () => symlinkSync(newFolder(), own())],
    ['is a file', () => writeFileSync(own(), '')],
    ['cannot be made', () => vi.stubEnv('XDG_CACHE_HOME', '/proc')],
    [
      'is another user’s',
      () => {
        mkdirSync(own())
        asAnotherUser()
      },
    ],
  ])('lies in the system’s temporary folder where the own one %s', async (_, arrange) => {
    arrange()
    const folder = await scratchFolder()
    expect(dirname(folder)).toBe(system)
    expect(modeOf(folder)).toBe(0o700)
  })

  it('has a name of its own each time', async () => {
    expect(new Set([await scratchFolder(), await scratchFolder(), await scratchFolder()]).size).toBe(3)
  })

  it('is known from the moment it exists, so that a signal right then leaves nothing behind', async () => {
    const parent = newFolder()
    const making = scratchFolder(parent)
    while (readdirSync(parent).length === 0);
    removeAllScratch()
    expect(readdirSync(parent)).toEqual([])
    await making
  })

  it('is removed with all in it, and once only', async () => {
    const folder = await scratchFolder()
    mkdirSync(join(folder, 'a/b'), { recursive: true })
    symlinkSync(newFolder(), join(folder, 'link'))
    removeScratch(folder)
    removeScratch(folder)
    expect(existsSync(folder)).toBe(false)
  })

  it('is not removed by way of a link, nor when it is another user’s', async () => {
    const theirs = newFolder()
    writeFileSync(join(theirs, 'kept'), '')
    const link = join(newFolder(), 'link')
    symlinkSync(theirs, link)
    expect(() => removeScratch(link)).toThrow()
    asAnotherUser()
    removeScratch(theirs)
    expect(readdirSync(theirs)).toEqual(['kept'])
  })
})

describe('what a killed process left', () => {
  it('is removed by the next one, and what one that runs has is not', async () => {
    const [left, used] = [await abandoned(), await scratchFolder()]
    await scratchFolder()
    expect([existsSync(left), existsSync(used)]).toEqual([false, true])
  })

  it('stays when it is another user’s, in a folder that several users share', async () => {
    const shared = newFolder()
    const left = await abandoned(shared)
    asAnotherUser()
    await scratchFolder(shared)
    expect(existsSync(join(left, 'spill/events'))).toBe(true)
  })

  it('stays when it is a link that looks so: what it leads to is not touched', async () => {
    const shared = newFolder()
    const left = await abandoned(shared)
    const precious = newFolder()
    writeFileSync(join(precious, 'file'), '')
    removeScratch(left)
    symlinkSync(precious, left)
    await scratchFolder(shared)
    expect(readdirSync(precious)).toEqual(['file'])
  })
})
