/** The final message of a failed command: text, or one line of JSON like the log's. */

import { withoutLogin } from '../address.js'
import { type AuditError, escaped, printable } from '../errors.js'

let asJson = false

/** From the command line or the environment; the settings file may change it later. */
export function chooseFormat(argv: readonly string[], env: NodeJS.ProcessEnv): void {
  const at = argv.findIndex((arg) => arg === '--log-format' || arg.startsWith('--log-format='))
  const given = at === -1 ? env.WANDB_AUDIT_LOG_FORMAT : (argv[at]?.split('=')[1] ?? argv[at + 1])
  setFormat(given === 'json' ? 'json' : 'text')
}

export function setFormat(format: 'text' | 'json'): void {
  asJson = format === 'json'
}

/** For messages that quote the command line, where an address may contain a login. */
export const withoutLogins = (text: string): string => text.replaceAll(/\S+/g, withoutLogin)

/** Whether messages are lines of JSON. */
export const isJson = (): boolean => asJson

export function writeFatal({ message, advice, excerpt }: Pick<AuditError, 'message' | 'advice' | 'excerpt'>): void {
  if (asJson) {
    const err = {
      message: printable(message),
      ...(excerpt.length === 0 ? {} : { excerpt: excerpt.map(escaped) }),
      ...(advice === undefined ? {} : { advice: printable(advice) }),
    }
    const entry = { level: 'fatal', time: new Date().toISOString(), err, msg: err.message }
    process.stderr.write(`${JSON.stringify(entry)}\n`)
    return
  }
  process.stderr.write(`wandb-audit: ${escaped(message)}\n`)
  for (const line of excerpt) process.stderr.write(`${escaped(line)}\n`)
  if (advice !== undefined) process.stderr.write(`  ${escaped(advice)}\n`)
}
