import { once } from 'node:events'
import type { Command } from 'commander'
import { send } from './formats/output.js'
import type { CommonFlags } from './options.js'
import { stopped, undoing } from './signals.js'

interface DemoFlags extends CommonFlags {
  readonly folder: string
  readonly keepRunning?: boolean
}

/** @param run runs the commands that the demo consists of */
export function addDemo(program: Command, run: (argv: readonly string[]) => Promise<void>): void {
  program
    .command('demo')
    .description(
      'Generate 30 days of logs, load them from a local stand-in of the W&B API and a bucket, and query them.',
    )
    .option('--folder <folder>', 'folder for the demo files', 'demo')
    .option('--keep-running', 'keep the stand-in of the W&B API running, to try commands against')
    .addHelpText('after', '\nExamples:\n  $ wandb-audit demo\n  $ wandb-audit demo --keep-running')
    .action(async ({ folder, keepRunning = false }: DemoFlags) => {
      const { demo } = await import('../demo/demo.js')
      const untilStopped = () => undoing({ warn() {} }, () => once(stopped, 'abort'))
      process.exitCode = await demo({
        folder,
        untilStopped: keepRunning ? untilStopped : null,
        run,
        say: (text) => send([`${text}\n`], process.stdout),
      })
    })
}
