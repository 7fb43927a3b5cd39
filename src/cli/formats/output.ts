import type { Writable } from 'node:stream'
import { AuditError } from '../../errors.js'

const CHUNK = 64 * 1024

/** Joins lines into chunks of about 64 KiB characters, to avoid a system call for each line. */
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

export async function* each<T>(all: Iterable<T>): AsyncGenerator<T> {
  yield* all
}

/**
 * Writes each chunk after the previous one has been taken, and resolves when the last one has; `out` stays open.
 *
 * When the reader leaves early (`| head`), it stops quietly and closes `chunks`.
 *
 * @returns false when the reader has left
 * @throws AuditError when `out` cannot be written for another reason; what `chunks` throws
 */
export async function send(
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string>,
  out: Writable,
): Promise<boolean> {
  // Without a listener, the event after a failed write would crash the process.
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

/** Codes of a pipe and of a socket whose reader has left. */
const READER_LEFT = ['EPIPE', 'ECONNRESET']

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free some space, or write it elsewhere.',
  EDQUOT: 'The disk quota is used up: free some space, or write it elsewhere.',
  EFBIG: 'The file would exceed the largest size allowed: write it elsewhere.',
}
