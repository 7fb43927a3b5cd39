/** Several things measured one after the other, in rounds, and the table of what they took. */

import { availableParallelism } from 'node:os'
import { medians, type Usage } from './measure.js'

const ROUNDS = 3

export interface Size {
  readonly lines: number
  readonly bytes: number
}

/** Runs all steps in each round, so that what else the machine does hits them alike. Medians, in the steps' order. */
export async function inRounds(
  steps: Readonly<Record<string, () => Promise<Usage>>>,
  beforeEach: () => Promise<void>,
): Promise<ReadonlyMap<string, Usage>> {
  const usages = new Map<string, Usage[]>(Object.keys(steps).map((step) => [step, []]))
  for (let round = 0; round < ROUNDS; round++) {
    await beforeEach()
    for (const [step, work] of Object.entries(steps)) usages.get(step)?.push(await work())
  }
  return new Map([...usages].map(([step, all]) => [step, medians(all)]))
}

/** Writes to stdout; the last two columns compare each step with `yardstick`. */
export function printTable(
  { lines, bytes }: Size,
  usages: ReadonlyMap<string, Usage>,
  yardstick: Pick<Usage, 'wallSeconds' | 'cpuSeconds'>,
): void {
  process.stdout.write(
    `${lines} lines, ${(bytes / 1e6).toFixed(0)} MB (${(bytes / lines).toFixed(0)} bytes a line), ` +
      `${availableParallelism()} threads, Node ${process.versions.node}, medians of ${ROUNDS} rounds\n\n` +
      cells('', 'wall s', 'rows/s', 'MB/s', 'CPU s', 'peak MB', 'x wall', 'x CPU'),
  )
  const digits = [2, 0, 0, 1, 0]
  for (const [step, { wallSeconds, cpuSeconds, peakBytes }] of usages) {
    const figures = [wallSeconds, lines / wallSeconds, bytes / 1e6 / wallSeconds, cpuSeconds, peakBytes / 1e6]
    const texts = figures.map((figure, i) => figure.toFixed(digits[i]))
    const ratios = [wallSeconds / yardstick.wallSeconds, cpuSeconds / yardstick.cpuSeconds]
    process.stdout.write(cells(step, ...texts, ...ratios.map((ratio) => ratio.toFixed(2))))
  }
}

const cells = (...texts: string[]): string =>
  `${(texts.shift() ?? '').padEnd(18)}${texts.map((text) => text.padStart(10)).join('')}\n`
