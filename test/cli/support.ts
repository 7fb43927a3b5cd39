/** Runs the built program as a child process, as its users do; commands that need no process of their own run in this one. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { AUDIT_DOCUMENTS, AUDIT_EVENTS, AUDIT_REJECTS } from '../../schemas/tables.js'
import { newFolder } from '../support/load.js'
import { environmentOf, type Options, type Result, run, tmpOf } from './here.js'

export { ndjson, newFolder } from '../support/load.js'
export { type Result, run, tmpOf }

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export const inCheckout = (path: string): string => join(ROOT, path)

const PROGRAM = inCheckout('bin/wandb-audit')

requireFreshBuild()

/** Tests of yesterday's program would prove nothing. */
function requireFreshBuild(): void {
  const sources = ['src', 'sinks', 'schemas'].flatMap((folder) => [
    ...filesBelow(folder, '.ts'),
    ...filesBelow(folder, '.tsx'),
  ])
  const stale = sources.filter((path) => {
    if (path === join('schemas', 'generate.ts')) return false
    const built = statSync(join(ROOT, 'dist', path.replace(/\.tsx?$/, '.js')), { throwIfNoEntry: false })
    return built === undefined || built.mtimeMs < statSync(join(ROOT, path)).mtimeMs
  })
  if (stale.length > 0) throw new Error(`dist/ is older than ${stale.join(', ')}: run \`make build\` first`)
}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => join(folder, path))
}

interface StartOptions extends Omit<Options, 'stdin'> {
  /** Whether it leads a group of processes of its own, as a terminal's jobs do. */
  readonly ownGroup?: boolean
}

export interface Running {
  readonly child: ChildProcess
  readonly result: Promise<Result>
  /** Resolves when what was written so far, to stdout or stderr, matches; rejects when the program ends without. */
  written(pattern: RegExp): Promise<void>
}

/** Starts `wandb-audit` and leaves its standard input open. */
export function start(args: readonly string[], options: StartOptions = {}): Running {
  const { cwd = newFolder(), env = {}, encoding = 'utf8', ownGroup = false } = options
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    detached: ownGroup,
    env: environmentOf(cwd, env),
  })
  const output = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding(encoding).on('data', (text: string) => {
      output[name] += text
      for (const look of watchers) look()
    })
  }
  child.stdin.on('error', () => {}) // a program that ends before it has read everything
  const result = new Promise<Result>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...output }))
  })
  const written = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!pattern.test(output.stdout) && !pattern.test(output.stderr)) return
        watchers.delete(look)
        resolve()
      }
      watchers.add(look)
      look()
      result.then(({ code }) => reject(new Error(`ended with ${code} before it wrote ${pattern}: ${output.stderr}`)))
    })
  return { child, result, written }
}

/** Runs `wandb-audit` to its end, as a process. */
export function runProgram(args: readonly string[], { stdin = '', ...options }: Options = {}): Promise<Result> {
  const { child, result } = start(args, options)
  child.stdin?.end(stdin)
  return result
}

export interface RunSummary {
  readonly documents: number
  readonly skipped: number
  readonly failed: readonly { readonly document: string; readonly error: string; readonly advice: string | null }[]
  readonly sinks: readonly ({ readonly sink: string; readonly error: string | null } & Counts)[]
}

type Counts = Readonly<Record<'read' | 'inserted' | 'enriched' | 'unchanged' | 'rejected', number>>

/** A run with `--output json` that shall succeed; in this process, or as the program. */
export async function summaryOf(args: readonly string[], options: Options = {}, how = run): Promise<RunSummary> {
  const { code, stdout, stderr } = await how([...args, '--output', 'json'], options)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

/** read, inserted, enriched, unchanged, rejected of a summary's sink, to compare in one line. */
export function countsOf({ sinks }: RunSummary, sink = 0): readonly (number | undefined)[] {
  const counts = sinks[sink]
  return [counts?.read, counts?.inserted, counts?.enriched, counts?.unchanged, counts?.rejected]
}

/** The spool folders of runs in a working folder. */
export const spoolsOf = (cwd: string): readonly string[] =>
  [join(cwd, '.cache/wandb-audit'), tmpOf(cwd)]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder))
    .filter((name) => name.startsWith('wandb-audit-'))

/** Path and mode of all below a folder that is not for its owner alone. */
export function widerThanOurs(folder: string): string[] {
  return (
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => ({ name, stats: lstatSync(join(folder, name)) }))
      // A link has no mode of its own.
      .filter(({ stats }) => !stats.isSymbolicLink() && (stats.mode & 0o777) !== (stats.isDirectory() ? 0o700 : 0o600))
      .map(({ name, stats }) => `${name} ${(stats.mode & 0o777).toString(8)}`)
  )
}

/** Runs statements in a database file, and returns the rows of the last one. */
export async function inDatabase(path: string, ...statements: readonly string[]): Promise<readonly DuckDBValue[][]> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    let rows: readonly DuckDBValue[][] = []
    for (const sql of statements) rows = (await connection.runAndReadAll(sql)).getRows()
    return rows
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The first value of the first row. */
export const valueIn = async (path: string, sql: string): Promise<DuckDBValue | undefined> =>
  (await inDatabase(path, sql))[0]?.[0]

/** How many rows each table has and a digest of them, without the columns that tell of the loads. */
export async function contentsOf(path: string): Promise<readonly DuckDBValue[][]> {
  const each = [AUDIT_EVENTS, AUDIT_REJECTS, AUDIT_DOCUMENTS].map(({ name, key, columns }) => {
    const lasting = columns.filter((column) => column.class !== 'provenance')
    return `
      SELECT '${name}', count(*), sha256(string_agg(t::VARCHAR, chr(10) ORDER BY ${key.map((column) => `t."${column}"`).join(', ')}))
      FROM (SELECT ${lasting.map((column) => `"${column.name}"`).join(', ')} FROM ${name}) t`
  })
  return inDatabase(path, each.join(' UNION ALL '))
}
