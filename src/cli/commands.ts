/** Assembles the commands; each is in a file of its own. */

import { Command } from 'commander'
import { exitCodeLines } from '../../schemas/exit-codes.js'
import { version } from '../version.js'
import { addArchive } from './archive.js'
import { addBackfill } from './backfill.js'
import { addCheck } from './check.js'
import { addCompletion } from './completion.js'
import { addDemo } from './demo.js'
import { addDoctor } from './doctor.js'
import { addErase } from './erase.js'
import { chooseFormat, isJson, withoutLogins } from './fatal.js'
import { send } from './formats/output.js'
import { addLoad } from './load.js'
import { addQuery } from './query.js'
import { addReconcile } from './reconcile.js'
import { addRejects } from './rejects.js'
import { addReport } from './report.js'
import { addSeal } from './seal.js'
import { addStatus } from './status.js'
import type { Survivor } from './survivor.js'
import { escapedLines } from './terminal.js'
import { addTrust } from './trust.js'
import { addVerify } from './verify.js'

interface Host {
  /** Starts another process when that of `load`, `backfill`, `reconcile`, `verify` or `seal` dies. */
  readonly survivor?: Survivor
  /** Runs another command; used by the demo. */
  main(argv: readonly string[]): Promise<void>
}

const NOBODY: Survivor = { entries: [], post: async () => {}, repeatEvery: async () => {} }

/**
 * Runs a command, which sets the exit code.
 *
 * @throws CommanderError for help, the version and wrong usage; AuditError
 */
export async function runCommand(argv: readonly string[], { survivor = NOBODY, main }: Host): Promise<void> {
  chooseFormat(argv, process.env)
  let help = ''
  const program = new Command('wandb-audit')
    .description('Carries Weights & Biases audit logs into an analytics warehouse: nothing lost, nothing doubled.')
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        help += text
      },
      outputError: (text, write) => {
        if (!isJson()) write(withoutLogins(text))
      },
      writeErr: (text) => process.stderr.write(escapedLines(text)),
    })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      `
Exit codes:
${exitCodeLines()}
Examples:
  $ wandb-audit demo
  $ wandb-audit load --from ./wandb-audit-logs
  $ wandb-audit query "SELECT action, count(*) FROM audit_events GROUP BY action"`,
    )
  for (const add of [addLoad, addBackfill, addReconcile, addVerify, addSeal]) add(program, survivor)
  for (const add of [addStatus, addDoctor, addReport, addCheck, addQuery, addRejects, addErase, addArchive, addTrust])
    add(program)
  addDemo(program, main)
  addCompletion(program)
  // Of what goes wrong, the command's own error is the one to report.
  await program.parseAsync([...argv]).finally(() => send(help === '' ? [] : [help], process.stdout))
}
