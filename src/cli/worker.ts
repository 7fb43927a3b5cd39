/** The worker process, which may die: runs a command's work and posts its progress to the supervisor. */

import { EXIT, type ExitCode } from '../errors.js'
import { runCommand } from './commands.js'
import { main, reporting } from './main.js'
import { endWithParent } from './signals.js'
import type { Handover, Message, Survivor } from './survivor.js'

endWithParent()
const { entries } = await new Promise<Handover>((resolve) => process.once('message', resolve))
const survivor: Survivor = {
  entries,
  post: (entry) => send({ entry }),
  repeatEvery: (everyMs) => send({ everyMs }),
}
await reporting(() => runCommand(process.argv, { survivor, main }))
await send({ code: (process.exitCode ?? EXIT.done) as ExitCode })
process.removeAllListeners('disconnect')
if (process.connected) process.disconnect()

/** Resolves once the message has left this process, or when the supervisor is gone and this process is about to end. */
function send(message: Message): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve()
    else process.send(message, undefined, undefined, () => resolve())
  })
}
