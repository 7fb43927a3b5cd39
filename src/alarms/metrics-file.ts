/** Replaces the file with the metrics: its readers see the old one or the new one, whole. */

import { AuditError, printable } from '../errors.js'
import { readSmallFile, replaceFile } from '../regular-file.js'
import { isOurs, metricsAfter, parseMetrics, type RunMetrics, renderMetrics } from './metrics.js'

/** Others read it: it holds counts and times, and the addresses of sinks. */
const MODE = 0o644

/**
 * @throws AuditError when the file cannot be read or written, or is another program's; it is then as it was
 */
export function updateMetrics(path: string, run: RunMetrics): void {
  const text = metricsIn(path)
  try {
    // The name of an unfinished file does not end in .prom, so node_exporter passes over it.
    replaceFile(path, renderMetrics(metricsAfter(parseMetrics(text), run)), MODE)
  } catch (error) {
    throw failure(path, error)
  }
}

/**
 * @returns the text of the file; empty when there is none
 * @throws AuditError when it cannot be read, or is another program's
 */
export function metricsIn(path: string): string {
  try {
    const text = readSmallFile(path).bytes.toString('utf8')
    if (!isOurs(text)) throw new AuditError('it exists, and was not written by wandb-audit')
    return text
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw failure(path, error)
  }
}

const failure = (path: string, error: unknown): AuditError =>
  new AuditError(`cannot write metrics to ${printable(path)}: ${reasonOf(error)}`, {
    advice: 'With --metrics, name a new file, or one that wandb-audit wrote; the load itself is not affected.',
    cause: error,
  })

function reasonOf(error: unknown): string {
  if (error instanceof AuditError) return error.message
  return error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
}
