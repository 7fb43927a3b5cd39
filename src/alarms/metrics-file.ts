/** Replaces the file with the metrics: its readers see the old one or the new one, whole. */

import { randomUUID } from 'node:crypto'
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AuditError, printable } from '../errors.js'
import { readSmallFile } from '../regular-file.js'
import { isOurs, metricsAfter, parseMetrics, type RunMetrics, renderMetrics } from './metrics.js'

/** Others read it: it holds counts and times, and the addresses of sinks. */
const MODE = 0o644

/**
 * @throws AuditError when the file cannot be read or written, or is another program's; it is then as it was
 */
export function updateMetrics(path: string, run: RunMetrics): void {
  try {
    const text = contentOf(path)
    if (!isOurs(text)) throw new AuditError('it holds something else')
    replace(path, renderMetrics(metricsAfter(parseMetrics(text), run)))
  } catch (error) {
    throw new AuditError(`cannot write metrics to ${printable(path)}: ${reasonOf(error)}`, {
      advice: 'Name a file that this user can replace with --metrics; the load itself is not concerned.',
      cause: error,
    })
  }
}

function contentOf(path: string): string {
  try {
    return readSmallFile(path).bytes.toString('utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

/** The name of the unfinished file does not end in .prom, so node_exporter passes over it. */
function replace(path: string, text: string): void {
  const unfinished = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
  try {
    writeFileSync(unfinished, text, { flag: 'wx', mode: 0o600 })
    chmodSync(unfinished, MODE)
    renameSync(unfinished, path)
  } finally {
    rmSync(unfinished, { force: true })
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AuditError) return error.message
  return error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
}
