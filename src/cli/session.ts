/** What every command needs: settings, a logger, progress, and a signal. */

import { type ResolvedSettings, resolveSettings } from '../config/settings.js'
import type { Sink } from '../contract.js'
import { createLogger, type Logger } from '../log.js'
import { createProgress, type Progress } from '../progress.js'
import { setFormat } from './fatal.js'
import { asSettings, type CommonFlags } from './options.js'
import { stopped } from './signals.js'

/** A load holds a DuckDB file for seconds; a shell left open may hold it for hours. */
const LOCK_WAIT_MS = 60_000

export interface Session {
  readonly settings: ResolvedSettings
  readonly logger: Logger
  readonly progress: Progress
  readonly signal: AbortSignal
}

export async function openSession(flags: CommonFlags): Promise<Session> {
  const settings = resolveSettings(asSettings(flags), process.env, flags.config)
  const quiet = settings.quiet ?? false
  setFormat(settings.log_format ?? 'text')
  let progress: Progress | undefined
  const logger = await createLogger({
    format: settings.log_format ?? 'text',
    quiet,
    destination: {
      isTTY: process.stderr.isTTY,
      write: (line) => (progress === undefined ? process.stderr.write(line) : progress.write(line)),
    },
  })
  progress = await createProgress({ stream: process.stderr, quiet, logger })
  for (const warning of [...settings.unknownVariables, ...settings.warnings]) logger.warn(warning)
  return { settings, logger, progress, signal: stopped }
}

/**
 * @param otherwise returns a replacement for a sink that cannot be opened; when absent, the error is thrown
 */
export async function openSinks<T = never>(
  { settings, logger, signal }: Session,
  otherwise: (address: string, error: unknown) => T = rethrown,
): Promise<(Sink | T)[]> {
  const { openSink } = await import('../../sinks/index.js')
  const context = { waitMs: LOCK_WAIT_MS, signal, onNotice: (text: string) => logger.info(text) }
  const sinks: (Sink | T)[] = []
  for (const address of new Set(settings.to)) {
    sinks.push(await openSink(address, context).catch((error: unknown) => otherwise(address, error)))
  }
  return sinks
}

function rethrown(_address: string, error: unknown): never {
  throw error
}

/** Closes each, and only warns on failure, because an earlier error is the one to report. */
export async function closeAll(
  all: readonly { close(): Promise<unknown> }[],
  { logger }: Pick<Session, 'logger'>,
): Promise<void> {
  for (const { close } of all) {
    await close().catch((error: unknown) => logger.warn({ err: error }, 'closing a source or sink failed'))
  }
}
