/**
 * Reads netrc files by the rules of Python's `netrc` module (3.11 and later), which W&B's own client uses.
 *
 * https://docs.python.org/3/library/netrc.html
 */

import { usageError } from '../../errors.js'

/** Quoted or bare, both with escapes; a bare token includes the white space that ends it. */
const TOKEN = /[ \t\n]*(?:"(?<quoted>(?:\\[\s\S]?|[^"\\])*)"?|(?<bare>(?:\\[\s\S]?|[^ \t\n\\])*)[ \t\n]?)/y
const COMMENTS = /(?:[ \t\n]*#[^\n]*)*/y
/** Up to the first empty line. */
const MACRO = /(?:[^\n]+\n)*\n/y

const FIELDS = ['login', 'user', 'account', 'password']

/**
 * Returns the password of each machine, empty when its entry has none; that of `default` is under this name. The last of
 * several entries wins, and a file with a syntax error is refused whole.
 *
 * This differs from Python in one respect: a comment always ends with its line. Python refuses some comments after an
 * empty line and reads on within others, which could send a key that was commented out.
 *
 * @param path for the error
 * @throws AuditError (usage) with the number of the invalid line, but nothing of its content
 */
export function netrcPasswords(content: string, path: string): ReadonlyMap<string, string> {
  const text = content.replaceAll(/\r\n?/g, '\n')
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  const value = (): string => {
    const { quoted, bare = '' } = take(TOKEN)?.groups ?? {}
    return (quoted ?? bare).replaceAll(/\\([\s\S]?)/g, '$1')
  }
  const keyword = (): string => {
    take(COMMENTS)
    return value()
  }
  const refuse = (what: string): never => {
    const line = text.slice(0, at).trimEnd().split('\n').length
    throw usageError(`${path} is not a netrc file: line ${line} ${what}`, 'Correct it, or set WANDB_API_KEY.')
  }

  const passwords = new Map<string, string>()
  for (let word = keyword(); word !== ''; ) {
    if (word === 'macdef') {
      value()
      if (take(MACRO) === null) refuse('begins a macro without an empty line at its end')
      word = keyword()
      continue
    }
    if (word !== 'machine' && word !== 'default') refuse('has a word that is not a keyword')
    const machine = word === 'default' ? word : value()
    if (machine === '') refuse('names no machine')
    passwords.set(machine, '')
    for (word = keyword(); FIELDS.includes(word); word = keyword()) {
      const given = value()
      if (word === 'password') passwords.set(machine, given)
    }
  }
  return passwords
}
