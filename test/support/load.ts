/** Runs the real pipeline on documents made by a test. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach } from 'vitest'
import type { Batch, Document, LoadingSink, Source } from '../../src/contract.js'
import { land } from '../../src/landing/landing.js'
import { newLoadId } from '../../src/load-id.js'
import type { Logger } from '../../src/log.js'
import { type Run, run, type Summary } from '../../src/pipeline.js'
import type { Progress } from '../../src/progress.js'
import { Engine } from '../../src/transform/engine.js'
import { transform } from '../../src/transform/transform.js'

const EVERYTHING = { from: null, to: null }
const NOTHING = (): void => {}
/** A test's document may be nothing but a line that is to become a reject. */
const ANY_NUMBER = 1_000_000

export const never = new AbortController().signal
export const silentLogger: Logger = { info: NOTHING, warn: NOTHING, error: NOTHING, debug: NOTHING }
export const silentProgress: Progress = {
  start: NOTHING,
  landed: NOTHING,
  landedDocument: NOTHING,
  transformed: NOTHING,
  loaded: NOTHING,
  write: NOTHING,
  stop: NOTHING,
}

const root = mkdtempSync(join(tmpdir(), 'wandb-audit-test-'))
const engines: Engine[] = []

afterAll(() => {
  for (const engine of engines) engine.close()
  rmSync(root, { recursive: true, force: true })
})

/** An empty folder, removed after the tests of the file. */
export const newFolder = (): string => mkdtempSync(join(root, 'folder-'))

/** An engine within 1 GB, closed after the tests of the file. */
export async function newEngine(): Promise<Engine> {
  const engine = await Engine.start({ memoryBytes: 1e9, folder: newFolder() })
  engines.push(engine)
  return engine
}

let shared: Promise<Engine> | undefined
// What failed may have left a transaction open, or be at work still: the next test gets another engine.
afterEach(({ task }) => {
  if (task.result?.state === 'fail') shared = undefined
})
/** That of the file's tests that passed before. */
export const sharedEngine = (): Promise<Engine> => {
  shared ??= newEngine().then(async (engine) => {
    // Loads of a few lines only lose time by handing them to each other's threads.
    await engine.run('SET threads = 1')
    return engine
  })
  return shared
}

export type Content = string | Uint8Array

/** A document that is its content; without a version its SHA-256 serves. */
export function documentOf(id: string, content: Content, version: string | null = null): Document {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  return { id, version, bytes: bytes.length, range: null, open: async () => stream() }
}

/** The bytes of a document that is there. */
export async function opened(document: Document, signal = never): Promise<AsyncIterable<Uint8Array>> {
  const stream = await document.open(signal)
  if (stream === null) throw new Error('the document is gone')
  return stream
}

export function sourceOf(documents: readonly Document[], id = 'test'): Source {
  return {
    id,
    async *list() {
      yield* documents
    },
    async close() {},
  }
}

/** Documents, their contents by id, or sources that list them. */
export type Input = readonly Document[] | Readonly<Record<string, Content>> | { readonly sources: readonly Source[] }

const isDocuments = (input: Input): input is readonly Document[] => Array.isArray(input)

function sourcesOf(input: Input): readonly Source[] {
  if (isDocuments(input)) return [sourceOf(input)]
  if ('sources' in input && Array.isArray(input.sources)) return input.sources
  return [sourceOf(Object.entries(input).map(([id, content]) => documentOf(id, content as Content)))]
}

/** One run of the pipeline; without an engine of its own it shares that of the file's tests that passed before. */
export async function loadInto(sink: LoadingSink, input: Input, options: Partial<Run> = {}): Promise<Summary> {
  return run({
    jobs: sourcesOf(input).map((source) => ({ source, range: EVERYTHING, refetch: false })),
    sinks: [sink],
    engine: options.engine ?? (await sharedEngine()),
    folder: newFolder(),
    batchBytes: 64 * 1024 * 1024,
    maxRejects: ANY_NUMBER,
    loaderVersion: 'test',
    logger: silentLogger,
    progress: silentProgress,
    signal: never,
    ...options,
  })
}

/** `inserted, enriched, unchanged, rejected` of a run's first sink, to compare in one line. */
export function countsOf(summary: Summary): readonly number[] {
  return summary.sinks.slice(0, 1).flatMap((sink) => [sink.inserted, sink.enriched, sink.unchanged, sink.rejected])
}

/** Landed and transformed, ready for a sink; it stays good until the engine makes its next one. */
export async function batchOf(engine: Engine, documents: readonly Document[], source = 'test'): Promise<Batch> {
  const folder = newFolder()
  const files = []
  for (const [i, document] of documents.entries()) {
    const path = join(folder, String(i).padStart(8, '0'))
    const landed = await land(document, { path, allowInPlace: true, signal: never, onBytes: NOTHING })
    if (landed !== null) files.push({ path, documents: [landed] })
  }
  const loadId = newLoadId()
  return transform(
    engine,
    files,
    { source, loadId, startedAt: new Date(), loaderVersion: 'test', folder, range: EVERYTHING, maxRejects: ANY_NUMBER },
    never,
  )
}

/** Lines as a file holds them. */
export const ndjson = (...lines: readonly unknown[]): string =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
