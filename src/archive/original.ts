/** Writes a document's bytes, as they arrive, into the file that is going to be archived. */

import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip, type Gzip, gzipSync } from 'node:zlib'

/** Documents up to this size are compressed at once, which is cheaper than a stream. */
const SMALL_BYTES = 1 << 18

/** The lowest level; generated logs shrink to less than a fifth at it. */
const FAST = 1
/** Each chunk costs a turn of the event loop and a write. */
const CHUNK_BYTES = 1 << 18
const STORED = 0

export class OriginalFile {
  private readonly path: string
  private held: Uint8Array[] = []
  private heldBytes = 0
  private gzip: Gzip | null = null
  private written: Promise<void> | null = null
  private readonly heading: () => string

  /** @param heading makes the first line, which may be known only when all bytes have arrived */
  constructor(path: string, heading: () => string) {
    this.path = path
    this.heading = heading
  }

  /** @throws the system's own error */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.gzip !== null) return this.push(this.gzip, chunk)
    this.held.push(chunk)
    this.heldBytes += chunk.length
    if (this.heldBytes <= SMALL_BYTES) return
    const bytes = Buffer.concat(this.held)
    this.held = []
    this.gzip = createGzip({ level: levelFor(bytes), chunkSize: CHUNK_BYTES })
    this.written = pipeline(this.gzip, createWriteStream(this.body, { mode: 0o600 }))
    this.written.catch(() => {}) // handled when it is awaited
    await this.push(this.gzip, bytes)
  }

  /** @throws the system's own error when the file could not be written */
  async end(): Promise<void> {
    // Two members of one gzip file.
    const heading = gzipSync(this.heading())
    if (this.gzip === null) {
      const bytes = Buffer.concat(this.held)
      await writeFile(this.path, Buffer.concat([heading, gzipSync(bytes, { level: levelFor(bytes) })]), { mode: 0o600 })
      return
    }
    this.gzip.end()
    await this.written
    await writeFile(this.path, heading, { mode: 0o600 })
    await pipeline(
      createReadStream(this.body, { highWaterMark: 1 << 20 }),
      createWriteStream(this.path, { flags: 'a' }),
    )
    await rm(this.body)
  }

  /** Closes the file of a document that did not arrive. */
  async discard(): Promise<void> {
    this.gzip?.destroy()
    await this.written?.catch(() => {})
    await rm(this.body, { force: true })
  }

  private get body(): string {
    return `${this.path}.body`
  }

  private async push(gzip: Gzip, bytes: Uint8Array): Promise<void> {
    if (!gzip.write(bytes)) await Promise.race([once(gzip, 'drain'), this.written])
  }
}

/** What is compressed already is stored as it is. */
function levelFor(bytes: Uint8Array): number {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
  const isZstd = bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd
  return isGzip || isZstd ? STORED : FAST
}
