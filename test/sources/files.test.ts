import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { basename, join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, describe, expect, it } from 'vitest'
import type { Document } from '../../src/contract.js'
import { fileSource, stdinSource } from '../../src/sources/files.js'
import { openSources } from '../../src/sources/index.js'
import { listed, objectPlace, type SourcePlace, sourceConformance } from '../conformance/sources.js'
import { failure, joined } from '../landing/support.js'
import { never, newFolder, opened } from '../support/load.js'

const EVENT = '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"}\n'

function place(addressOf: (folder: string) => string): () => Promise<SourcePlace> {
  return async () => {
    const folder = newFolder()
    const pathOf = (name: string): string => join(folder, `${name}.ndjson`)
    return objectPlace(
      () => fileSource(addressOf(folder)),
      async (contents) => {
        for (const [name, content] of Object.entries(contents)) writeFileSync(pathOf(name), content)
        return Object.keys(contents).map(pathOf)
      },
    )
  }
}

sourceConformance(
  'a folder',
  place((folder) => folder),
)
sourceConformance(
  'a glob',
  place((folder) => `${folder}/*.ndjson`),
)

function folderOf(...names: readonly string[]): string {
  const folder = newFolder()
  for (const name of names) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), EVENT)
  }
  return folder
}

const namesIn = async (folder: string, address = folder): Promise<readonly string[]> =>
  (await listed(fileSource(address))).map(({ id }) => relative(folder, id))

const HOSTILE = [
  'a b',
  "it's",
  'say "so"',
  'ünï💡',
  '*',
  '[ab]',
  '{a,b}',
  '$HOME',
  '!x',
  '(x)',
  'a\nb',
  '-',
  '~',
  '?',
  '\\',
]

describe('a folder', () => {
  it('is read with all below it, in order', async () => {
    const folder = folderOf('2026/10/b', '2026/10/a', '2026/09/c', 'z', '0')
    expect(await namesIn(folder)).toEqual(['0', '2026/09/c', '2026/10/a', '2026/10/b', 'z'])
  })

  it('has hidden files and folders passed over', async () => {
    expect(await namesIn(folderOf('a', '.a.partial', '.hidden/b', 'c/.d'))).toEqual(['a'])
  })

  it('may hold files of any name', async () => {
    const folder = folderOf(...HOSTILE)
    const documents = await listed(fileSource(folder))
    expect(documents.map(({ id }) => basename(id)).sort()).toEqual([...HOSTILE].sort())
    for (const document of documents) expect(String(await joined(await opened(document)))).toBe(EVENT)
  })

  it('is read without what links within it lead to being read twice', async () => {
    const folder = folderOf('a', 'sub/b')
    symlinkSync(join(folder, 'a'), join(folder, 'link'))
    symlinkSync(join(folder, 'sub'), join(folder, 'folder'))
    expect(await namesIn(folder)).toEqual(['a', 'link', 'sub/b'])
    expect(await textOf(folder, 'link')).toBe(EVENT)
  })
})

/** A folder with one of everything that is no file of its own, beside a file; what the links lead to lies elsewhere. */
async function plantedFolder(): Promise<{ folder: string; elsewhere: string }> {
  const elsewhere = folderOf('secret', 'sub/x')
  const folder = folderOf('a.ndjson')
  symlinkSync(join(elsewhere, 'secret'), join(folder, 'link.ndjson'))
  symlinkSync(join(elsewhere, 'sub'), join(folder, 'folder.ndjson'))
  symlinkSync('nowhere', join(folder, 'dangling.ndjson'))
  symlinkSync('/dev/zero', join(folder, 'device.ndjson'))
  execFileSync('mkfifo', [join(folder, 'pipe.ndjson')])
  const server = createServer()
  await once(server.listen(join(folder, 'socket.ndjson')), 'listening')
  servers.push(server)
  return { folder, elsewhere }
}
const servers: Server[] = []
afterAll(() => {
  for (const server of servers) server.close()
})

const textOf = async (address: string, name: string, followLinks = false): Promise<string> => {
  const documents = await listed(fileSource(address, followLinks))
  return String(await joined(await opened(documents.find(({ id }) => basename(id) === name) as Document)))
}

describe('what is no file of the folder', () => {
  it.each([
    ['in a folder', (folder: string) => folder],
    ['matched by a glob', (folder: string) => `${folder}/*.ndjson`],
    ['matched by a deep glob', (folder: string) => `${folder}/**/*.ndjson`],
  ])('is refused by its name and never waited for, %s', async (_, addressOf) => {
    const { folder } = await plantedFolder()
    const address = addressOf(folder)
    expect(await textOf(address, 'a.ndjson')).toBe(EVENT)
    for (const [name, why] of [
      ['link.ndjson', 'leads out of'],
      ['folder.ndjson', 'leads out of'],
      ['dangling.ndjson', 'leads nowhere'],
      ['device.ndjson', 'leads out of'],
      ['pipe.ndjson', 'is a pipe'],
      ['socket.ndjson', 'is a socket'],
    ] as const) {
      expect((await failure(textOf(address, name))).message, name).toContain(why)
    }
  })

  it('is refused with links followed too, where it is no file', async () => {
    const { folder } = await plantedFolder()
    for (const address of [folder, `${folder}/*.ndjson`]) {
      expect(await textOf(address, 'link.ndjson', true)).toBe(EVENT)
      expect((await failure(textOf(address, 'device.ndjson', true))).message).toContain('is a device')
      expect((await failure(textOf(address, 'pipe.ndjson', true))).message).toContain('is a pipe')
    }
  })

  it('is read with links followed, each folder once however they lead to each other', async () => {
    const { folder, elsewhere } = await plantedFolder()
    symlinkSync(folder, join(elsewhere, 'sub/back'))
    symlinkSync(elsewhere, join(elsewhere, 'sub/up'))
    const found = await listed(fileSource(folder, true))
    expect(found.map(({ id }) => relative(folder, id))).toContain('folder.ndjson/x')
    expect(found.length).toBeLessThan(30)
  })

  it('is read when the operator names it: a link, and a pipe that somebody writes to', async () => {
    const { folder, elsewhere } = await plantedFolder()
    expect(await textOf(join(folder, 'link.ndjson'), 'link.ndjson')).toBe(EVENT)
    expect((await listed(fileSource(join(folder, 'folder.ndjson')))).length).toBe(1)
    const pipe = join(folder, 'pipe.ndjson')
    expect((await failure(textOf(pipe, 'pipe.ndjson'))).message).toContain('nobody writes to it')
    const writer = spawn('sh', [
      '-c',
      `exec 3<>"$1"; echo; cat "$2" >&3; read end`,
      'sh',
      pipe,
      join(elsewhere, 'secret'),
    ])
    await once(writer.stdout, 'data')
    const [document] = await listed(fileSource(pipe))
    const stream = await opened(document as Document)
    writer.stdin.end()
    expect(String(await joined(stream))).toBe(EVENT)
  })

  it('is a folder that cannot be listed: it fails by its name, and the others are read', async () => {
    const folder = newFolder()
    for (const name of ['a', 'b', 'c']) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'x.ndjson'), EVENT)
    }
    const documents: Document[] = []
    for await (const document of fileSource(folder).list({ from: null, to: null }, never)) {
      // It goes after its parent was listed.
      if (documents.length === 0) rmSync(join(folder, 'b'), { recursive: true })
      documents.push(document)
    }
    expect(documents.map(({ id }) => relative(folder, id))).toEqual(['a/x.ndjson', 'b', 'c/x.ndjson'])
    expect((await failure(opened(documents[1] as Document))).message).toContain('the folder cannot be listed (ENOENT)')
  })

  it('is found out when it takes the place of a file that was listed', async () => {
    const { folder, elsewhere } = await plantedFolder()
    const documents = await listed(fileSource(folder))
    const document = documents.find(({ id }) => basename(id) === 'a.ndjson') as Document
    rmSync(join(folder, 'a.ndjson'))
    symlinkSync(join(elsewhere, 'secret'), join(folder, 'a.ndjson'))
    expect((await failure(opened(document))).message).toContain('leads out of')
  })
})

describe('a file', () => {
  it.each(HOSTILE)('called %j can be named', async (name) => {
    const folder = folderOf(name, 'other')
    expect(await namesIn(folder, join(folder, name))).toEqual([name])
  })

  it('is the same document alone, in its folder, by a glob and by a relative path', async () => {
    const folder = folderOf('a.ndjson')
    const path = join(folder, 'a.ndjson')
    const addresses = [
      path,
      folder,
      `${folder}/*.ndjson`,
      `${folder}/../${basename(folder)}/a.ndjson`,
      relative('.', path),
    ]
    const found = await Promise.all(addresses.map(async (address) => (await listed(fileSource(address)))[0]))
    expect(new Set(found.map((document) => document?.id))).toEqual(new Set([path]))
    expect(new Set(found.map((document) => document?.version)).size).toBe(1)
    expect(new Set(addresses.map((address) => fileSource(address).id)).size).toBe(1)
  })

  it('that is not there is an error with what to do', async () => {
    const error = await failure(listed(fileSource(join(newFolder(), 'none\u001b[2J'))))
    expect(error.message).toMatch(/^no file at .*none\\u001b\[2J$/)
    expect(error.advice).toMatch(/Name a file/)
    await failure(listed(fileSource(newFolder())))
    await failure(listed(fileSource(`${newFolder()}/*.ndjson`)))
  })
})

describe('a glob', () => {
  it('takes what it matches', async () => {
    const folder = folderOf(
      '2026-09-30.ndjson',
      '2026-10-01.ndjson',
      '2026-10-02.ndjson.gz',
      'x/2026-10-03.ndjson',
      '.2026-10-04.ndjson',
    )
    expect(await namesIn(folder, `${folder}/2026-10-*`)).toEqual(['2026-10-01.ndjson', '2026-10-02.ndjson.gz'])
    expect(await namesIn(folder, `${folder}/**/*.ndjson`)).toEqual([
      '2026-09-30.ndjson',
      '2026-10-01.ndjson',
      'x/2026-10-03.ndjson',
    ])
  })
})

describe('standard input', () => {
  it('is one document, its version known when it has landed', async () => {
    const source = stdinSource(Readable.from([Buffer.from(EVENT), Buffer.from(EVENT)]))
    const [document, ...more] = await listed(source)
    expect(more).toEqual([])
    expect(document).toMatchObject({ id: 'stdin', version: null, bytes: null, range: null })
    expect(String(await joined(await opened(document as Document)))).toBe(EVENT.repeat(2))
    await source.close()
  })
})

describe('an address', () => {
  const API = {
    ...{ username: undefined, anonymize: false, dialect: undefined, insecureHttp: false, overlapMs: 0 },
    concurrency: 1,
    followLinks: false,
    onWarning() {},
    signal: never,
  }

  it('without a scheme is one of files, and - is standard input', async () => {
    expect((await openSources('logs', API))[0]?.id).toBe('files')
    expect((await openSources('C:\\logs', API))[0]?.id).toBe('files')
    expect((await openSources('-', API))[0]?.id).toBe('stdin')
  })

  it('of no source is wrong usage', async () => {
    expect(await failure(openSources('ftp://example.com/logs', API))).toMatchObject({ exitCode: 2 })
    // An empty variable in a script must not mean the present folder.
    expect(await failure(openSources('export:', API))).toMatchObject({ exitCode: 2 })
  })
})
