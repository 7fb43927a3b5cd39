/** Where a setting comes from: the command line, else the environment, else the settings file, else its default. */

import { parse } from 'yaml'
import { z } from 'zod'
import { parseBytes, parseDuration, SETTING_VARIABLES, type Settings, settings } from '../../schemas/settings.js'
import { AuditError, printable, usageError } from '../errors.js'
import type { DocumentLimits } from '../landing/limits.js'
import { readSmallFile, type SmallFile } from '../regular-file.js'
import { trustOf } from './trust.js'

export const SETTINGS_FILE = 'wandb-audit.yaml'

export const DEFAULTS = {
  to: ['duckdb:audit.duckdb'],
  memory: '1GB',
  max_document_bytes: '16GB',
  document_timeout: '6h',
} as const

export interface ResolvedSettings extends Omit<Settings, 'from' | 'to' | 'memory'> {
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly memoryBytes: number
  /** What the operator should know about where they came from. */
  readonly warnings: readonly string[]
  readonly limits: DocumentLimits
}

/**
 * A wandb-audit.yaml in the working folder counts only when the user trusts it: whoever wrote it would decide where keys are
 * sent, and people stand in folders that are not theirs.
 *
 * @param flags what stood on the command line, in the names of the settings file
 * @param named the settings file named on the command line; else the one that WANDB_AUDIT_CONFIG names
 * @throws AuditError, exit code 2, naming the setting and where it was given
 */
export function resolveSettings(
  flags: Partial<Settings>,
  env: NodeJS.ProcessEnv,
  named: string | undefined,
): ResolvedSettings {
  const explicit = named ?? (env.WANDB_AUDIT_CONFIG || undefined)
  const { content, warnings } = explicit === undefined ? trustedFile(env) : namedFile(explicit)
  const merged = { ...content, ...readEnvironment(env), ...checked(flags, 'the command line') }
  return {
    ...merged,
    from: merged.from === undefined ? list(env.WANDB_BASE_URL || undefined) : list(merged.from),
    to: merged.to === undefined ? DEFAULTS.to : list(merged.to),
    memoryBytes: parseBytes(merged.memory ?? DEFAULTS.memory),
    warnings,
    limits: {
      maxBytes: parseBytes(merged.max_document_bytes ?? DEFAULTS.max_document_bytes),
      timeoutMs: parseDuration(merged.document_timeout ?? DEFAULTS.document_timeout),
    },
  }
}

const list = (value: string | string[] | undefined): string[] => (value === undefined ? [] : [value].flat())

interface FromFile {
  readonly content: Settings
  readonly warnings: readonly string[]
}

function namedFile(path: string): FromFile {
  const file = readSettingsFile(path)
  if (file === null) throw usageError(`settings file ${printable(path)}: there is no such file`)
  const warning = `other users can change the settings file ${printable(path)}, and so where keys and events are sent`
  return { content: parseSettings(path, file.bytes), warnings: isSafe(file) ? [] : [warning] }
}

/** A mounted file is often root's, who may do as he likes anyway. */
const isSafe = ({ mode, ours, owner }: SmallFile): boolean => (ours || owner === 0) && (mode & 0o022) === 0

function trustedFile(env: NodeJS.ProcessEnv): FromFile {
  const ignored = (why: string): FromFile => ({
    content: {},
    warnings: [`${SETTINGS_FILE} in this folder is ignored: ${why}`],
  })
  let file: SmallFile | null
  try {
    file = readSettingsFile(SETTINGS_FILE)
  } catch (error) {
    // Whoever put it there shall not keep commands from running.
    return ignored(error instanceof AuditError ? error.message : 'it cannot be read')
  }
  if (file === null) return { content: {}, warnings: [] }
  const trust = trustOf(SETTINGS_FILE, file.bytes, env)
  if (trust === 'trusted') return { content: parseSettings(SETTINGS_FILE, file.bytes), warnings: [] }
  const why = trust === 'changed' ? 'it was changed since you trusted it' : 'you have not said that you trust it'
  return ignored(`${why}. Read it, then run \`wandb-audit trust\` here, or name it with --config ${SETTINGS_FILE}`)
}

/** Null when there is none. */
export function readSettingsFile(path: string): SmallFile | null {
  try {
    return readSmallFile(path)
  } catch (error) {
    if (error instanceof AuditError) throw usageError(`settings file ${printable(path)}: ${error.message}`)
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw usageError(`settings file ${printable(path)}: ${code}`)
  }
}

export function parseSettings(path: string, bytes: Buffer): Settings {
  let content: unknown
  try {
    content = parse(bytes.toString('utf8'))
  } catch {
    throw usageError(`settings file ${printable(path)}: it cannot be read as YAML`)
  }
  return checked(content ?? {}, `settings file ${printable(path)}`)
}

function readEnvironment(env: NodeJS.ProcessEnv): Settings {
  const given: Record<string, unknown> = {}
  for (const [name, { variable }] of Object.entries(SETTING_VARIABLES)) {
    const text = env[variable]
    if (text === undefined || text === '') continue
    given[name] = fromText(name as keyof Settings, text)
  }
  return checked(given, 'the environment')
}

/** Environment variables are text; several addresses stand on several lines or are parted by commas. */
function fromText(name: keyof Settings, text: string): unknown {
  if (name === 'from' || name === 'to')
    return text
      .split(/[\n,]/)
      .map((address) => address.trim())
      .filter(Boolean)
  if (name === 'max_rejects' || name === 'concurrency') return /^\d+$/.test(text) ? Number(text) : text
  if (name === 'quiet' || name === 'anonymize' || name === 'insecure_http' || name === 'follow_links')
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text
  return text
}

function checked(given: unknown, where: string): Settings {
  const result = settings.safeParse(given)
  if (result.success) return result.data
  throw usageError(`${where}: ${z.prettifyError(result.error).replaceAll('\n', ' ')}`)
}

/** The advice of an error about settings that no source is named. */
export function requireSources({ from }: ResolvedSettings): readonly string[] {
  if (from.length > 0) return from
  throw usageError(
    'no source is named',
    'Say where the logs are, for example --from https://acme.wandb.io or --from ./wandb-audit-logs.',
  )
}
