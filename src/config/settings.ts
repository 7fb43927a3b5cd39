/** Resolves settings, in this order: command line, environment, settings file, defaults. */

import { createRequire } from 'node:module'
import { z } from 'zod'
import {
  parseBytes,
  parseDuration,
  privacy as privacySettings,
  SETTING_VARIABLES,
  type Settings,
  settings,
} from '../../schemas/settings.js'
import { AuditError, printable, usageError } from '../errors.js'
import type { DocumentLimits } from '../landing/limits.js'
import { nearest } from '../nearest.js'
import { readSmallFile, type SmallFile } from '../regular-file.js'
import { trustOf } from './trust.js'

/** Loads the parser where there is something to parse: most runs would start more slowly for it. */
const parseYaml = (text: string): unknown =>
  (createRequire(import.meta.url)('yaml') as typeof import('yaml')).parse(text)

export const SETTINGS_FILE = 'wandb-audit.yaml'

export const DEFAULTS = {
  to: ['duckdb:audit.duckdb'],
  memory: '1GB',
  max_document_bytes: '16GB',
  document_timeout: '6h',
} as const

/** Settings from the command line, where rules are a text. */
export type SettingFlags = Omit<Partial<Settings>, 'privacy'> & { readonly privacy?: string }

export interface ResolvedSettings extends Omit<Settings, 'from' | 'to' | 'memory'> {
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly memoryBytes: number
  /** What the operator should know about where the settings came from. */
  readonly warnings: readonly string[]
  /** A warning for each variable that looks like a setting but is not. */
  readonly unknownVariables: readonly string[]
  readonly limits: DocumentLimits
}

/**
 * A wandb-audit.yaml in the working folder applies only if the user trusts it. Its author would decide where keys are sent,
 * and people work in folders that are not their own.
 *
 * @param flags the command line, with the names of the settings file
 * @param named the settings file from the command line; when absent, that in WANDB_AUDIT_CONFIG
 * @throws AuditError, exit code 2, naming the setting and where it was given
 */
export function resolveSettings(
  { privacy, ...flags }: SettingFlags,
  env: NodeJS.ProcessEnv,
  named: string | undefined,
): ResolvedSettings {
  const explicit = named ?? (env.WANDB_AUDIT_CONFIG || undefined)
  const { content, warnings } = explicit === undefined ? trustedFile(env) : namedFile(explicit)
  const given = privacy === undefined ? flags : { ...flags, privacy: fromYaml(privacy) }
  const merged = { ...content, ...readEnvironment(env), ...checked(given, 'the command line') }
  return {
    ...merged,
    from: merged.from === undefined ? list(env.WANDB_BASE_URL || undefined) : list(merged.from),
    to: merged.to === undefined ? DEFAULTS.to : list(merged.to),
    memoryBytes: parseBytes(merged.memory ?? DEFAULTS.memory),
    warnings,
    unknownVariables: unknownVariables(env),
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

/** Mounted files often belong to root, who can do anything anyway. */
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
    // Its author must not be able to stop commands from running.
    return ignored(error instanceof AuditError ? error.message : 'it cannot be read')
  }
  if (file === null) return { content: {}, warnings: [] }
  const trust = trustOf(SETTINGS_FILE, file.bytes, env)
  if (trust === 'trusted') return { content: parseSettings(SETTINGS_FILE, file.bytes), warnings: [] }
  const why = trust === 'changed' ? 'it has changed since you trusted it' : 'you have not trusted it yet'
  return ignored(`${why}. Read it, then run \`wandb-audit trust\` here, or name it with --config ${SETTINGS_FILE}`)
}

/** Null when the file does not exist. */
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
    content = parseYaml(bytes.toString('utf8'))
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

/** Converts a variable's text; several addresses are separated by line breaks or commas. */
function fromText(name: keyof Settings, text: string): unknown {
  if (name === 'from' || name === 'to')
    return text
      .split(/[\n,]/)
      .map((address) => address.trim())
      .filter(Boolean)
  if (name === 'privacy' || name === 'detections') return fromYaml(text)
  if (name === 'max_rejects' || name === 'concurrency') return /^\d+$/.test(text) ? Number(text) : text
  if (name === 'quiet' || name === 'anonymize' || name === 'insecure_http' || name === 'follow_links')
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text
  return text
}

/** For example `{actor_email: drop}`; text that is not YAML stays text, which no setting of this kind accepts. */
function fromYaml(text: string): unknown {
  try {
    return parseYaml(text)
  } catch {
    return text
  }
}

function checked(given: unknown, where: string): Settings {
  const result = settings.safeParse(given)
  if (result.success) return result.data
  const proposed = result.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => proposal(key, namesAt(issue.path))) : [],
  )
  throw usageError(
    `${where}: ${printable(z.prettifyError(result.error).replaceAll('\n', ' '))}`,
    proposed.filter((each) => each !== undefined).join(' ') || undefined,
  )
}

const namesAt = (path: readonly PropertyKey[]): readonly string[] =>
  Object.keys(path.length === 0 ? settings.shape : path[0] === 'privacy' ? privacySettings.shape : {})

/** A sentence; undefined if there is no similar name. */
function proposal(name: string, names: Iterable<string>): string | undefined {
  const meant = nearest(name, names)
  return meant === undefined ? undefined : `Did you mean ${meant}?`
}

const PREFIX = 'WANDB_AUDIT_'

/** Variables that are not settings: secrets, and what is needed before settings are read. */
const OTHER_VARIABLES = ['CONFIG', 'DEBUG', 'PRIVACY_KEY', 'PRIVACY_KEY_FILE', 'SIGN_KEY_PEM']

/** A mistyped variable would silently have no effect: for example, nothing would be locked. */
function unknownVariables(env: NodeJS.ProcessEnv): readonly string[] {
  const settingNames = Object.values(SETTING_VARIABLES).map(({ variable }) => variable.slice(PREFIX.length))
  const known = new Set([...settingNames, ...OTHER_VARIABLES])
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !name.startsWith(`${PREFIX}TEST_`))
    .map((name) => name.slice(PREFIX.length))
    .filter((name) => !known.has(name))
    .sort()
    .map((name) => {
      const meant = nearest(name, known)
      const proposed = meant === undefined ? '' : `; did you mean ${PREFIX}${meant}?`
      return `the variable ${PREFIX}${printable(name)} is unknown and has no effect${proposed}`
    })
}

/** @throws AuditError, exit code 2, when no source is named */
export function requireSources({ from }: ResolvedSettings): readonly string[] {
  if (from.length > 0) return from
  throw usageError(
    'no source is named',
    'Name the logs, for example --from https://acme.wandb.io or --from ./wandb-audit-logs.',
  )
}
