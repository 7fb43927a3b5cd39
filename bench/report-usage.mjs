// Loaded into each measured process (node --import), workers included: at its exit, adds a line with what it used to the file
// that the environment names. Linux only: the peak is read from /proc, because getrusage counts the parent's memory at the
// fork as well.
import { appendFileSync, readFileSync } from 'node:fs'

process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  const peakKib = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  const io = readFileSync('/proc/self/io', 'utf8')
  const [readBytes, writtenBytes] = ['rchar', 'wchar'].map((name) =>
    Number(new RegExp(`${name}: (\\d+)`).exec(io)?.[1]),
  )
  const used = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: peakKib * 1024, readBytes, writtenBytes }
  appendFileSync(process.env.BENCH_USAGE, `${JSON.stringify(used)}\n`)
})
