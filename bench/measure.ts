/** Runs a Node script as a process of its own and tells what it took, its workers included. */

import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export interface Usage {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  /** Of all its processes together. */
  readonly peakBytes: number
  /** What its processes read and wrote, from files, pipes and sockets alike, also where the page cache had it. */
  readonly readBytes: number
  readonly writtenBytes: number
}

const REPORT_USAGE = fileURLToPath(new URL('./report-usage.mjs', import.meta.url))

/** @throws Error with the script's own words when it exits with anything but 0 */
export async function measure(script: string, args: readonly string[]): Promise<{ usage: Usage; stdout: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'))
  const report = join(folder, 'usage')
  try {
    const started = performance.now()
    const child = spawn(process.execPath, ['--import', REPORT_USAGE, script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, BENCH_USAGE: report },
    })
    const outputs = [child.stdout, child.stderr].map((stream) => text(stream))
    const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
    const wallSeconds = (performance.now() - started) / 1000
    const [stdout = '', stderr = ''] = await Promise.all(outputs)
    if (code !== 0) throw new Error(`${script} exited with ${String(code)}:\n${stderr}`)
    const used = (await readFile(report, 'utf8')).trim().split('\n')
    return { usage: { wallSeconds, ...total(used.map((line) => JSON.parse(line) as Used)) }, stdout }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

type Used = Omit<Usage, 'wallSeconds'>

const FIGURES = ['cpuSeconds', 'peakBytes', 'readBytes', 'writtenBytes'] as const

const total = (all: readonly Used[]): Used =>
  Object.fromEntries(FIGURES.map((name) => [name, all.reduce((sum, used) => sum + used[name], 0)])) as unknown as Used

/** Each figure's own median. */
export function medians(usages: readonly Usage[]): Usage {
  const names = ['wallSeconds', ...FIGURES] as const
  return Object.fromEntries(names.map((name) => [name, median(usages.map((usage) => usage[name]))])) as unknown as Usage
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
