/** The process that may die: it runs a command's work and tells the one that started it what it does. */

import { EXIT, type ExitCode } from '../errors.js'
import { runCommand } from './commands.js'
import { main, reporting } from './main.js'
import { endWithParent } from './signals.js'
import type { Handover, Message, Survivor } from './survivor.js'

endWithParent()
const { entries } = await new Promise<Handover>((resolve) => process.once('message', resolve))
const survivor: Survivor = {
  entries,
  post: (entry) => tell({ entry }),
  repeatEvery: (everyMs) => tell({ everyMs }),
}
await reporting(() => runCommand(process.argv, { survivor, main }))
await tell({ code: (process.exitCode ?? EXIT.done) as ExitCode })
process.removeAllListeners('disconnect')
if (process.connected) process.disconnect()

/** Resolves when it is out of this process's hands; nobody to tell means that this process is ending. */
function tell(message: Message): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve()
    else process.send(message, undefined, undefined, () => resolve())
  })
}
