/** Holds the layout: who may know whom. */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')

interface Import {
  readonly file: string
  /** A path from the root without its extension, or a package. */
  readonly target: string
  readonly dynamic: boolean
  /** A type is gone when the code runs. */
  readonly type: boolean
}

const STATEMENT = /^(?:import|export)\s(type\s)?[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm

function importsOf(file: string): Import[] {
  return [...readFileSync(join(root, file), 'utf8').matchAll(STATEMENT)].map(([, type, from, bare, dynamic]) => {
    const specifier = from ?? bare ?? dynamic ?? ''
    const target = specifier.startsWith('.')
      ? relative(root, resolve(root, dirname(file), specifier)).replace(/\.js$/, '')
      : specifier
    return { file, target, dynamic: dynamic !== undefined, type: type !== undefined }
  })
}

const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name))

const all = ['src', 'sinks', 'schemas'].flatMap(filesBelow).flatMap(importsOf)
const own = (target: string): boolean => /^(?:src|sinks|schemas)\//.test(target)

/** The imports of our own files from below `folder` that `allowed` does not match. */
const strays = (folder: string, allowed: RegExp): string[] =>
  all
    .filter(
      ({ file, target }) =>
        file.startsWith(folder) && own(target) && !target.startsWith(folder) && !allowed.test(target),
    )
    .map(({ file, target }) => `${file} → ${target}`)

describe('the layout', () => {
  it('is read: every file below src, sinks and schemas, and what it imports', () => {
    expect(all.length).toBeGreaterThan(100)
    const file = 'sinks/duckdb/declaration.ts'
    expect(all).toContainEqual({ file, target: 'sinks/duckdb/index', dynamic: true, type: false })
    expect(all).toContainEqual({ file: 'src/pipeline.ts', target: 'src/transform/engine', dynamic: false, type: true })
  })

  it('sinks know the contract, errors, similar names, connections, cleaning up, retry, addresses, stores and schemas, never a source or the pipeline', () => {
    expect(
      strays(
        'sinks/',
        /^src\/(?:address|cleanup|connections|contract|duckdb\/\w+|errors|nearest|retry|rfc3339|scratch|transform\/extras|stores\/(?:contract|index|probe|whole-object))$|^schemas\//,
      ),
    ).toEqual([])
  })

  it('one sink never knows another: what they share lies in sinks/shared', () => {
    const within = all.filter(({ file }) => file.startsWith('sinks/') && file !== 'sinks/index.ts')
    const others = within.filter(({ file, target }) => {
      const folder = /^sinks\/([^/]+)/.exec(target)?.[1]
      return folder !== undefined && folder !== 'shared' && !file.startsWith(`sinks/${folder}`)
    })
    expect(others).toEqual([])
  })

  it('sources know the contract, errors, retries, connections, addresses, stores and how pages are read, never landing or a sink; the index opens archives', () => {
    expect(
      strays(
        'src/sources/',
        /^src\/(?:address|connections|contract|errors|retry|pages\/\w+|regular-file|stores\/(?:contract|index|whole-object))$/,
      ).filter((stray) => !/^src\/sources\/index\.ts → src\/archive\/\w+$/.test(stray)),
    ).toEqual([])
  })

  it('an archive knows the contract, errors, stores and how zstd frames are read, and no source, sink or stage; what counts for a seal knows the engine, and an anchor requests', () => {
    const known = /^src\/(?:contract|errors|landing\/zstd-format|stores\/(?:contract|index|new-objects|whole-object))$/
    const tally = /^src\/archive\/(?:noted|tally)\.ts → (?:src\/duckdb\/\w+|schemas\/actions)$/
    const anchors = /^src\/archive\/anchors\.ts → src\/(?:retry|webhook)$/
    const others = strays('src/archive/', known).filter((stray) => !tally.test(stray) && !anchors.test(stray))
    expect(others).toEqual([])
  })

  it('landing knows the contract, errors, retry, how pages and Parquet files are read, and no source', () => {
    expect(strays('src/landing/', /^src\/(?:contract|duckdb\/\w+|errors|pages\/\w+|retry)$|^schemas\/tables$/)).toEqual(
      [],
    )
  })

  it('reading pages needs nothing but errors', () => {
    expect(strays('src/pages/', /^src\/errors$/)).toEqual([])
  })

  it('the transform knows what landing hands on, and nothing of sources, sinks or the pipeline', () => {
    expect(
      strays(
        'src/transform/',
        /^src\/(?:contract|duckdb\/\w+|errors|load-id|privacy\/(?:shown|sql))$|^src\/landing\/(?:batches|days|lines|spooled)$|^schemas\//,
      ),
    ).toEqual([])
  })

  it('the pipeline knows the stages, never a single source or sink', () => {
    const known =
      /^src\/(?:archive\/archive|contract|duckdb\/errors|errors|journal|load-id|log|privacy\/(?:agreement|shown|sql)|progress|landing\/(?:batches|days|landing|changed-files|limits|spooled)|transform\/(?:engine|parts|transform))$/
    expect(strays('src/pipeline', known)).toEqual([])
  })

  it('the doctor knows the contract, an archive’s place, the metrics file, stores, errors, words and files, never a single source or sink', () => {
    const known =
      /^src\/(?:alarms\/metrics-file|archive\/archive|contract|errors|regular-file|scratch|stores\/probe)$|^schemas\/words$/
    expect(strays('src/doctor/', known)).toEqual([])
  })

  it('alarms know what a run did, files and requests, and no source, sink or stage', () => {
    expect(strays('src/alarms/', /^src\/(?:errors|journal|regular-file|retry|webhook)$/)).toEqual([])
  })

  it('privacy knows the contract, errors, files, quoting and how objects are read, and no source, sink or stage', () => {
    expect(
      strays(
        'src/privacy/',
        /^src\/(?:contract|duckdb\/quoting|errors|regular-file|transform\/(?:extras|members))$|^schemas\//,
      ),
    ).toEqual([])
  })

  it('reconciling knows the contract, the engine and the digest, never a single source or sink', () => {
    expect(strays('src/reconcile/', /^src\/(?:contract|duckdb\/\w+|transform\/engine)$|^schemas\/day-digest$/)).toEqual(
      [],
    )
  })

  it('verifying knows the archive, the contract, the engine and the digests, never a single source or sink', () => {
    const known =
      /^src\/(?:archive\/[\w-]+|contract|duckdb\/\w+|errors|stores\/contract|transform\/(?:engine|extras))$|^schemas\/(?:day-digest|proof|tables)$/
    expect(strays('src/verify/', known)).toEqual([])
  })

  it('a report knows the contract, rows, errors and schemas, and nothing of the sink that answers', () => {
    expect(strays('src/report/', /^src\/(?:contract|errors|rows)$|^schemas\//)).toEqual([])
  })

  it('stores know errors, connections, retry, addresses and files, and nothing of what is stored', () => {
    expect(strays('src/stores/', /^src\/(?:address|connections|errors|regular-file|retry|scratch)$/)).toEqual([])
  })

  it('schemas know nothing but errors', () => {
    const beside = strays('schemas/', /^src\/errors$/).filter(
      (stray) => !/^schemas\/(?:generate|sinks)\.ts/.test(stray),
    )
    expect(beside).toEqual([])
  })

  it('only the commands wire sources to sinks', () => {
    const wiring = all.filter(({ target }) => /^(?:sinks|src\/sources)\/index$/.test(target))
    expect(wiring.filter(({ file }) => !/^(?:src\/cli\/|schemas\/generate\.ts)/.test(file))).toEqual([])
    const above = all.filter(({ file, target }) => /^src\/cli\//.test(target) && !/^src\/cli\//.test(file))
    expect(above).toEqual([])
  })

  it('the room of DuckDB knows the contract, cleanup, errors, instants and scratch folders', () => {
    expect(strays('src/duckdb/', /^src\/(?:cleanup|contract|errors|rfc3339|scratch)$/)).toEqual([])
  })

  it('has no circle', () => {
    const next = new Map<string, Set<string>>()
    for (const { file, target, type } of all) {
      if (type || !own(target)) continue
      const from = file.replace(/\.tsx?$/, '')
      next.set(from, (next.get(from) ?? new Set()).add(target))
    }
    const circles: string[] = []
    const done = new Set<string>()
    const visit = (module: string, path: readonly string[]): void => {
      if (path.includes(module)) circles.push([...path.slice(path.indexOf(module)), module].join(' → '))
      if (path.includes(module) || done.has(module)) return
      for (const target of next.get(module) ?? []) visit(target, [...path, module])
      done.add(module)
    }
    for (const module of next.keys()) visit(module, [])
    expect(circles).toEqual([])
  })

  it('every DuckDB is opened in one place', () => {
    const opening = ['src', 'sinks', 'schemas']
      .flatMap(filesBelow)
      .filter((file) => /DuckDBInstance\.(?:create|fromCache)/.test(readFileSync(join(root, file), 'utf8')))
    expect(opening).toEqual(['src/duckdb/instance.ts'])
  })

  it('made logs serve the demo alone', () => {
    const users = all.filter(({ file, target }) => target.startsWith('src/demo/') && !file.startsWith('src/demo/'))
    expect(users.filter(({ file }) => !file.startsWith('src/cli/'))).toEqual([])
  })
})

describe('packages', () => {
  it("load only when used where they are a cloud vendor's", () => {
    const vendors = /^(?:@aws-sdk|@google-cloud|@azure|@smithy)\//
    const reached = new Set(['src/cli/main'])
    for (const module of reached) {
      const atOnce = all.filter(
        ({ file, dynamic, type }) => file.replace(/\.tsx?$/, '') === module && !dynamic && !type,
      )
      for (const { target } of atOnce) reached.add(target)
    }
    expect(reached).toContain('src/errors')
    expect([...reached].filter((target) => vendors.test(target))).toEqual([])
  })

  it('of sources and sinks load only when an address names them', () => {
    const indexes = all.filter(({ file }) =>
      /^(?:sinks|src\/sources)\/(?:index|\w+\/(?:declaration|options))\.ts$/.test(file),
    )
    const early = indexes.filter(
      ({ target, dynamic, type }) =>
        !dynamic &&
        !type &&
        !/^src\/(?:address|contract|errors|stores\/index)$|^schemas\/|^sinks\/\w+\/(?:declaration|options)$/.test(
          target,
        ),
    )
    expect(early).toEqual([])
  })

  it('are declared as dependencies', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const used = all.map(({ target }) => target).filter((target) => !own(target) && !target.startsWith('node:'))
    const names = new Set(
      used.map((target) =>
        target
          .split('/')
          .slice(0, target.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
    )
    expect([...names].filter((name) => !(name in dependencies))).toEqual([])
  })
})
