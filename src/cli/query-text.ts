/** The statement of `query`: an argument, a file, or standard input; and the values of its parameters. */

import { InvalidArgumentError } from 'commander'
import type { QueryParameters } from '../contract.js'
import { AuditError, printable, usageError } from '../errors.js'
import { readSmallFile } from '../regular-file.js'

const MOST_BYTES = 1 << 20

const HOW = 'Write it in quotes after `query`, name a file with -f, or send it to standard input.'

/**
 * @param argument the statement; `-` or undefined: see below
 * @param file     undefined: if there is no statement either, it is read from standard input, unless that is a terminal
 * @throws AuditError, exit code 2, when there is none, or more than one
 */
export async function queryText(argument: string | undefined, file: string | undefined): Promise<string> {
  if (argument !== undefined && file !== undefined)
    throw usageError('a query was given both as an argument and with --file', 'Give one of them.')
  const text = file !== undefined ? fromFile(file) : await fromCommandLine(argument)
  if (text.trim() === '') throw usageError('the query is empty', HOW)
  return text
}

const fromCommandLine = async (argument: string | undefined): Promise<string> => {
  if (argument !== undefined && argument !== '-') return argument
  if (argument === undefined && process.stdin.isTTY) throw usageError('there is no query', HOW)
  return fromStandardInput()
}

function fromFile(path: string): string {
  try {
    return withoutMark(readSmallFile(path).bytes.toString('utf8'))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected error'
    if (code === 'ENOENT')
      throw usageError(`there is no query file ${printable(path)}`, 'Name a file with --file, relative to this folder.')
    const why = error instanceof AuditError ? error.message : code
    throw usageError(`query file ${printable(path)}: ${why}`, 'Name a file with one statement that this user can read.')
  }
}

async function fromStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    const read = Buffer.from(chunk)
    bytes += read.length
    if (bytes > MOST_BYTES) throw usageError('the query on standard input is larger than 1 MiB', 'Send one statement.')
    chunks.push(read)
  }
  return withoutMark(Buffer.concat(chunks).toString('utf8'))
}

/** Windows editors may begin a file with a byte order mark. */
const withoutMark = (text: string): string => text.replace(/^\uFEFF/, '')

/** Gathers the values of `--param name=value`. */
export function collectParameter(text: string, all: QueryParameters = new Map()): QueryParameters {
  const [, name = '', value = ''] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(text) ?? []
  if (name === '') throw new InvalidArgumentError('Not of the form name=value; a name has letters, digits and _.')
  if (all.has(name)) throw new InvalidArgumentError(`${name} has a value already.`)
  return new Map([...all, [name, value]])
}
