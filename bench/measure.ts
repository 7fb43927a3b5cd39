/** Runs a Node script as a process of its own and tells what it took. */

import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export interface Usage {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
}

const REPORT_USAGE = fileURLToPath(new URL('./report-usage.mjs', import.meta.url))

/** @throws Error with the script's own words when it exits with anything but 0 */
export async function measure(script: string, args: readonly string[]): Promise<{ usage: Usage; stdout: string }> {
  const started = performance.now()
  const child = spawn(process.execPath, ['--import', REPORT_USAGE, script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const [, out, err, report] = child.stdio
  const outputs = [out, err, report].map((stream) => text(stream as NodeJS.ReadableStream))
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  const wallSeconds = (performance.now() - started) / 1000
  const [stdout = '', stderr = '', used = ''] = await Promise.all(outputs)
  if (code !== 0) throw new Error(`${script} exited with ${String(code)}:\n${stderr}`)
  return { usage: { wallSeconds, ...(JSON.parse(used) as Omit<Usage, 'wallSeconds'>) }, stdout }
}

/** Each figure's own median. */
export function medians(usages: readonly Usage[]): Usage {
  return {
    wallSeconds: median(usages.map((usage) => usage.wallSeconds)),
    cpuSeconds: median(usages.map((usage) => usage.cpuSeconds)),
    peakBytes: median(usages.map((usage) => usage.peakBytes)),
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
