import type { Command } from 'commander'
import { printable, usageError } from '../errors.js'

export function addTrust(program: Command): void {
  program
    .command('trust')
    .description('Let wandb-audit.yaml of a folder count whenever a command runs there, until it is changed.')
    .argument('[file]', 'the settings file', 'wandb-audit.yaml')
    .option('--remove', 'let it count no longer')
    .addHelpText(
      'after',
      `
A settings file decides which hosts get the API key and the logins of clouds. One that nobody trusts is ignored, unless
--config or WANDB_AUDIT_CONFIG names it.

Examples:
  $ wandb-audit trust
  $ wandb-audit trust --remove`,
    )
    .action(async (file: string, { remove = false }: { remove?: boolean }) => {
      const { parseSettings, readSettingsFile } = await import('../config/settings.js')
      const { recordTrust, removeTrust } = await import('../config/trust.js')
      if (remove) return attempt(file, 'is not trusted any more', () => removeTrust(file, process.env))
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
      `the trust in ${printable(file)} cannot be recorded: ${code}`,
      'It is kept below XDG_CONFIG_HOME or ~/.config; name the file with --config where neither can be written to.',
    )
  }
  process.stdout.write(`${printable(file)} ${done}\n`)
}
