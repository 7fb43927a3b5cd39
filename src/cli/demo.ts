import type { Command } from 'commander'
import type { CommonFlags } from './options.js'

interface DemoFlags extends CommonFlags {
  readonly folder: string
  readonly keepRunning?: boolean
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('Load made logs of 30 days from a stand-in of the W&B API and of a bucket, and ask about them.')
    .option('--folder <folder>', 'where the demo puts its files', 'demo')
    .option('--keep-running', 'leave the stand-in of the W&B API up, to try commands against')
    .addHelpText('after', '\nExamples:\n  $ wandb-audit demo\n  $ wandb-audit demo --keep-running')
    .action(async ({ folder, keepRunning = false }: DemoFlags) => {
      const { demo } = await import('../demo/demo.js')
      process.exitCode = await demo(folder, keepRunning)
    })
}
