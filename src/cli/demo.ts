import { once } from 'node:events'
import type { Command } from 'commander'
import { send } from './formats/output.js'
import type { CommonFlags } from './options.js'
import { stopped, undoing } from './signals.js'

interface DemoFlags extends CommonFlags {
  readonly folder: string
  readonly keepRunning?: boolean
}

/** @param run runs one of the demo's commands */
export function addDemo(program: Command, run: (argv: readonly string[]) => Promise<void>): void {
  program
    .command('demo')
    .description('Load made logs of 30 days from a stand-in of the W&B API and of a bucket, and ask about them.')
    .option('--folder <folder>', 'where the demo puts its files', 'demo')
    .option('--keep-running', 'leave the stand-in of the W&B API up, to try commands against')
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
