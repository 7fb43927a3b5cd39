/** What of this machine a load needs: Node, settings, private files, room for temporary ones. */

import { accessSync, constants, type Stats, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { metricsIn } from '../alarms/metrics-file.js'
import type { Check, Warning } from '../contract.js'
import { AuditError, printable } from '../errors.js'
import { isOurs } from '../regular-file.js'
import { scratchLocation } from '../scratch.js'

/** What package.json requires, and what the docs recommend. */
const OLDEST = [20, 19]
const RECOMMENDED = 22

/** A batch, what the engine spills, and a document that lands meanwhile. */
const LEAST_FREE_BYTES = 4 * 2 ** 30

export interface MachineSettings {
  readonly spool: string | undefined
  readonly metrics: string | undefined
  /** Files with keys that may be given, by what they are. */
  readonly keyFiles: readonly (readonly [string, string | undefined])[]
  /** Of the file of settings; null if it could not be read, which is another subject. */
  readonly warnings: readonly string[] | null
  readonly unknownVariables: readonly string[]
}

export const machineChecks = (settings: MachineSettings): readonly Check[] => [
  { name: 'Node.js', run: async () => nodeVerdict(process.versions.node) },
  ...settingsChecks(settings.warnings),
  ...(settings.unknownVariables.length === 0
    ? []
    : [{ name: 'variables', run: async () => variablesVerdict(settings.unknownVariables) }]),
  { name: 'private files', run: async () => keysVerdict(settings.keyFiles) },
  { name: 'spool', run: async () => spoolVerdict(settings.spool) },
  ...(settings.metrics === undefined
    ? []
    : [{ name: 'metrics', run: async () => metricsVerdict(settings.metrics ?? '') }]),
]

/** @throws AuditError when the version is too old */
export function nodeVerdict(version: string): string | Warning {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldest = 0, oldestMinor = 0] = OLDEST
  const cure = `Install Node.js ${RECOMMENDED}.`
  if (major < oldest || (major === oldest && minor < oldestMinor))
    throw new AuditError(`Node.js ${version} is too old`, { advice: cure })
  if (major < RECOMMENDED) return { warning: `Node.js ${version} works, but no longer gets fixes`, cure }
  return version
}

const settingsChecks = (warnings: readonly string[] | null): readonly Check[] =>
  warnings === null ? [] : [{ name: 'settings', run: async () => settingsVerdict(warnings) }]

function settingsVerdict(warnings: readonly string[]): string | Warning {
  const [first] = warnings
  if (first === undefined) return 'they can be read, and nobody else can change them'
  return {
    warning: warnings.join('; '),
    cure: 'Make this user its owner, chmod 600 it, and trust it: wandb-audit trust.',
  }
}

const variablesVerdict = (unknown: readonly string[]): Warning => ({
  warning: unknown.join('; '),
  cure: 'Correct the name, or unset it: docs/reference.md has all variables.',
})

function keysVerdict(files: MachineSettings['keyFiles']): string | Warning {
  const given = files.flatMap(([what, path]) => (path === undefined ? [] : [{ what, path }]))
  const open: string[] = []
  for (const { what, path } of given) {
    const stats = statsOf(what, path)
    if ((stats.mode & 0o077) !== 0 || !isOurs(stats.uid)) open.push(`${what} ${printable(path)}`)
  }
  if (open.length === 0) return given.length === 0 ? 'no file with a key is used' : 'only this user can read them'
  return {
    warning: `other users can read or change ${open.join(', ')}`,
    cure: 'Make this user their owner, and chmod 600 them.',
  }
}

function statsOf(what: string, path: string): Stats {
  try {
    return statSync(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new AuditError(`${what} ${printable(path)}: there is no such file`, {
        advice: 'Create it, or correct its path.',
      })
    throw new AuditError(`${what} ${printable(path)}: ${code}`, {
      advice: 'Let this user read it, or name another file.',
      cause: error,
    })
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'

function spoolVerdict(parent: string | undefined): string | Warning {
  const folder = scratchLocation(parent)
  const advice = 'Choose an existing, writable folder with --spool.'
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new AuditError(`the spool folder ${printable(folder)} cannot be written (${codeOf(error)})`, { advice })
  }
  const { bavail, bsize, blocks } = statfsSync(folder)
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`
  const free = bavail * bsize
  const found = `${gib(free)} of ${gib(blocks * bsize)} are free at ${printable(folder)}`
  if (free >= LEAST_FREE_BYTES) return found
  return { warning: found, cure: 'Free some, or name a larger disk with --spool: large days need a few GiB.' }
}

function metricsVerdict(path: string): string {
  metricsIn(path)
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
  } catch {
    throw new AuditError(`the folder of ${printable(path)} cannot be written`, {
      advice: 'Let this user write there, or name another file with --metrics.',
    })
  }
  return 'the metrics file can be replaced'
}
