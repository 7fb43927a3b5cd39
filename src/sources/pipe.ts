/** A pipe named by the operator, as a shell does for `<(command)`. */

import { closeSync, constants, openSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import { AuditError } from '../errors.js'

/** @throws AuditError when the pipe has no writer, for which it would wait forever */
export function openPipe(path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const first = Buffer.alloc(1 << 16)
  const length = readNow(fd, first)
  if (length === 0) {
    closeSync(fd)
    throw new AuditError('it is a pipe, and nobody writes to it', {
      advice: 'Start the writer first, or pipe it to --from - instead.',
    })
  }
  const stream = new Socket({ fd, readable: true, writable: false, signal })
  // Without a listener, an abort before the stream is read would crash the process.
  stream.on('error', () => {})
  return (async function* () {
    if (length !== null) yield first.subarray(0, length)
    yield* stream
  })()
}

/** Null when there is no data yet. */
function readNow(fd: number, into: Buffer): number | null {
  try {
    return readSync(fd, into)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return null
    throw error
  }
}
