/** Where a setting comes from: the command line, else the environment, else the settings file, else its default. */

import { existsSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseBytes, parseDuration, SETTING_VARIABLES, type Settings, settings } from '../../schemas/settings.js'
import { printable, usageError } from '../errors.js'
import type { DocumentLimits } from '../extract/limits.js'

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
  readonly limits: DocumentLimits
}

/**
 * @param flags what stood on the command line, in the names of the settings file
 * @param file  the settings file named on the command line; else wandb-audit.yaml, if there is one
 * @throws AuditError, exit code 2, naming the setting and where it was given
 */
export function resolveSettings(
  flags: Partial<Settings>,
  env: NodeJS.ProcessEnv,
  file: string | undefined,
): ResolvedSettings {
  const merged = { ...readSettingsFile(file), ...readEnvironment(env), ...checked(flags, 'the command line') }
  return {
    ...merged,
    from: merged.from === undefined ? list(env.WANDB_BASE_URL || undefined) : list(merged.from),
    to: merged.to === undefined ? DEFAULTS.to : list(merged.to),
    memoryBytes: parseBytes(merged.memory ?? DEFAULTS.memory),
    limits: {
      maxBytes: parseBytes(merged.max_document_bytes ?? DEFAULTS.max_document_bytes),
      timeoutMs: parseDuration(merged.document_timeout ?? DEFAULTS.document_timeout),
    },
  }
}

const list = (value: string | string[] | undefined): string[] => (value === undefined ? [] : [value].flat())

function readSettingsFile(named: string | undefined): Settings {
  const path = named ?? SETTINGS_FILE
  if (named === undefined && !existsSync(path)) return {}
  let content: unknown
  try {
    content = parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const why =
      error instanceof Error && 'code' in error && error.code === 'ENOENT'
        ? 'there is no such file'
        : 'it cannot be read as YAML'
    throw usageError(`settings file ${printable(path)}: ${why}`)
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
  if (name === 'quiet' || name === 'anonymize' || name === 'insecure_http')
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
