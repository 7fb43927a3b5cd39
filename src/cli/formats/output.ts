import type { Writable } from 'node:stream'
import { AuditError } from '../../errors.js'

const CHUNK = 64 * 1024

/** Joins lines into chunks of about 64 KiB characters, so that a line does not cost a system call. */
export async function* joined(lines: AsyncIterable<string> | Iterable<string>): AsyncIterable<string> {
  let chunk = ''
  for await (const line of lines) {
    chunk += line
    if (chunk.length >= CHUNK) {
      yield chunk
      chunk = ''
    }
  }
  if (chunk !== '') yield chunk
}

/**
 * Writes each chunk once the one before it has been taken, and resolves when the last has; `out` stays open.
 *
 * A reader who leaves early (`| head`) ends it quietly and closes `chunks`.
 *
 * @returns false when the reader has left
 * @throws AuditError when `out` cannot be written for another reason, and what `chunks` throws
 */
export async function send(
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string>,
  out: Writable,
): Promise<boolean> {
  // Without a listener, the event that follows a failed write would end the process.
  const ignore = (): void => {}
  let failure: Error | null | undefined
  const write = (chunk: string | Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      out.write(chunk, (error) => {
        failure = error
        if (error) reject(error)
        else resolve()
      })
    })
  out.on('error', ignore)
  try {
    for await (const chunk of chunks) await write(chunk)
    return true
  } catch (error) {
    if (!failure) throw error
    const code = 'code' in failure ? String(failure.code) : failure.name
    if (READER_LEFT.includes(code)) return false
    throw new AuditError(`the output cannot be written (${code})`, {
      advice: ADVICE[code] ?? 'Write it elsewhere.',
      cause: failure,
    })
  } finally {
    if (failure) setImmediate(() => out.off('error', ignore))
    else out.off('error', ignore)
  }
}

/** Of a pipe, and of a socket. */
const READER_LEFT = ['EPIPE', 'ECONNRESET']

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk it goes to is full: make room, or write it elsewhere.',
  EDQUOT: 'The quota of the disk it goes to is used up: make room, or write it elsewhere.',
  EFBIG: 'The file would be larger than its disk or this user may have: write it elsewhere.',
}
