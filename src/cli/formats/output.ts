import type { Writable } from 'node:stream'

const CHUNK = 64 * 1024

/** Joins lines into chunks of about 64 KiB characters, so that a line does not cost a system call. */
export async function* joined(lines: AsyncIterable<string>): AsyncIterable<string> {
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
 * A reader who leaves early (`| head`) ends it quietly and closes `chunks`; any other failure of `out` rejects.
 */
export async function send(chunks: AsyncIterable<string | Uint8Array>, out: Writable): Promise<void> {
  // The failure arrives at the write's callback; without a listener the event that follows would end the process.
  const ignore = () => {}
  let failed = false
  const write = (chunk: string | Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      out.write(chunk, (error) => {
        if (!error) return resolve()
        failed = true
        reject(error)
      })
    })
  out.on('error', ignore)
  try {
    for await (const chunk of chunks) await write(chunk)
  } catch (error) {
    if (!failed || !isBrokenPipe(error)) throw error
  } finally {
    if (!failed) out.off('error', ignore)
  }
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}
