import type { Command } from 'commander'
import { printable, usageError } from '../errors.js'

export function addTrust(program: Command): void {
  program
    .command('trust')
    .description('Trust the wandb-audit.yaml of a folder: commands that run in the folder use it until it changes.')
    .argument('[file]', 'the settings file', 'wandb-audit.yaml')
    .option('--remove', 'stop trusting it')
    .addHelpText(
      'after',
      `
A settings file decides which hosts receive the API key and cloud logins. Commands therefore ignore one that you have not
trusted, unless you name it with --config or WANDB_AUDIT_CONFIG.

Examples:
  $ wandb-audit trust
  $ wandb-audit trust --remove`,
    )
    .action(async (file: string, { remove = false }: { remove?: boolean }) => {
      const { parseSettings, readSettingsFile } = await import('../config/settings.js')
      const { recordTrust, removeTrust } = await import('../config/trust.js')
      if (remove) return attempt(file, 'is no longer trusted', () => removeTrust(file, process.env))
      const found = readSettingsFile(file)
      if (found === null) throw usageError(`settings file ${printable(file)}: there is no such file`)
      parseSettings(file, found.bytes)
      attempt(file, 'is trusted until it is changed', () => recordTrust(file, found.bytes, process.env))
    })
}

function attempt(file: string, done: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
    throw usageError(
      `cannot record the trust in ${printable(file)}: ${code}`,
      'It is stored below XDG_CONFIG_HOME or ~/.config; if neither is writable, name the file with --config.',
    )
  }
  process.stdout.write(`${printable(file)} ${done}\n`)
}
