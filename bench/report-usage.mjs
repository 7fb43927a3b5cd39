// Loaded into a measured process (node --import): at its exit, writes what it used to file descriptor 3.
// Linux only: the peak is read from /proc, because getrusage counts the parent's memory at the fork as well.
import { readFileSync, writeSync } from 'node:fs'

process.on('exit', () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  const peakKib = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  writeSync(3, JSON.stringify({ cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: peakKib * 1024 }))
})
