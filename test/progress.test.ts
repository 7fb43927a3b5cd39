import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLogger } from '../src/log.js'
import { createProgress } from '../src/progress.js'

/** A stream as createProgress sees it; `shown` is what reached it. */
function fake(isTTY: boolean, columns: number) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns })
  return { stream: stream as unknown as NodeJS.WriteStream, shown: () => String(stream.read() ?? '') }
}

async function at(isTTY: boolean, quiet = false, columns = 80) {
  const lines: string[] = []
  const destination = { write: (line: string) => lines.push(JSON.parse(line).msg) }
  const logger = await createLogger({ format: 'json', quiet: false, destination })
  const clock = { now: 1_000_000 }
  const { stream, shown } = fake(isTTY, columns)
  return { lines, shown, clock, progress: await createProgress({ stream, quiet, logger, now: () => clock.now }) }
}

beforeEach(() => vi.stubEnv('TERM', 'xterm'))
afterEach(() => vi.unstubAllEnvs())

test('without a terminal there is a line every 10 seconds at most, and one at the end', async () => {
  const { lines, shown, clock, progress } = await at(false)
  progress.start({ documents: 2, bytes: 4_000_000 })
  for (let second = 0; second < 25; second++) {
    clock.now += 1000
    progress.landed(100_000)
    progress.loaded(1000)
  }
  progress.landedDocument()
  progress.transformed(30_000)
  progress.stop()
  progress.stop()
  expect(lines).toEqual([
    '0 of 2 documents, 1.0 MB of 4.0 MB landed (100.0 kB/s, 30 s left), 0 rows transformed, 9,000 loaded (900 rows/s)',
    '0 of 2 documents, 2.0 MB of 4.0 MB landed (100.0 kB/s, 20 s left), 0 rows transformed, 19,000 loaded (950 rows/s)',
    '1 of 2 documents, 2.5 MB of 4.0 MB landed (100.0 kB/s, 15 s left), 30,000 rows transformed, 25,000 loaded (1,000 rows/s)',
  ])
  expect(shown()).toBe('')
})

test('unknown sizes give no time left, and a listed size that proves too small none either', async () => {
  const { lines, clock, progress } = await at(false)
  progress.start({ documents: 1, bytes: null })
  clock.now += 10_000
  progress.landed(999)
  progress.start({ documents: 1, bytes: 10 })
  clock.now += 10_000
  progress.landed(5_000_000_000)
  progress.stop()
  expect(lines[0]).toContain(', 999 B landed (100 B/s), ')
  expect(lines[1]).toContain(', 5.0 GB of 10 B landed (500.0 MB/s), ')
})

test('a terminal gets bars, and log lines above them', async () => {
  const { lines, shown, clock, progress } = await at(true)
  progress.start({ documents: 4, bytes: 2_000_000 })
  clock.now += 1000
  progress.landed(1_000_000)
  progress.landedDocument()
  progress.write('a warning\n')
  progress.transformed(1234)
  progress.stop()
  const seen = shown()
  expect(seen).toContain('a warning\n')
  expect(seen).toContain('█')
  expect(seen).toContain('1 of 4 documents')
  expect(seen).toContain('1.0 MB of 2.0 MB landed (1.0 MB/s, 1 s left)')
  expect(seen).toContain('1,234 rows transformed, 0 loaded (0 rows/s)')
  expect(lines).toEqual([])
  progress.write('after\n')
  expect(shown()).toBe('after\n')
})

test('quiet shows nothing of its own', async () => {
  for (const isTTY of [true, false]) {
    const { lines, shown, clock, progress } = await at(isTTY, true)
    progress.start({ documents: 1, bytes: 1 })
    clock.now += 60_000
    progress.landed(1)
    progress.stop()
    expect(lines).toEqual([])
    expect(shown()).toBe('')
  }
})

test('on 40 columns no line is cut: the bars give way, and then the rates', async () => {
  const { shown, clock, progress } = await at(true, false, 40)
  progress.start({ documents: 12_000, bytes: 2_000_000_000 })
  clock.now += 1000
  progress.landed(1_234_567_890)
  for (let n = 0; n < 9_999; n++) progress.landedDocument()
  progress.transformed(12_345_678)
  progress.loaded(12_345_678)
  progress.stop()
  const text = shown()
  for (const line of ['9,999 of 12,000 documents', '1.2 GB of 2.0 GB landed', '12,345,678 rows loaded'])
    expect(text).toContain(line)
  expect(text).not.toMatch(/[█░]/)
})

test('a second pass over the documents counts anew', async () => {
  const { lines, progress } = await at(false)
  for (let pass = 0; pass < 2; pass++) {
    progress.start({ documents: 1, bytes: null })
    progress.landedDocument()
    progress.stop()
  }
  expect(lines.map((line) => line.split(',')[0])).toEqual(['1 of 1 documents', '1 of 1 documents'])
})
