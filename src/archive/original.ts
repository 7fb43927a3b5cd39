/** Writes a document's bytes, as they arrive, into the file that is going to be archived. */

import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { compressFrame, FRAME_BYTES } from './zstd.js'

/** The file of a document of more than one frame. */
interface Begun {
  readonly file: FileHandle
  readonly heading: string
  readonly headingBytes: number
}

export class OriginalFile {
  private readonly path: string
  private readonly heading: () => string
  private held: Uint8Array[] = []
  private heldBytes = 0
  private begun: Begun | null = null

  /** @param heading makes the first line, which may be known only when all bytes have arrived */
  constructor(path: string, heading: () => string) {
    this.path = path
    this.heading = heading
  }

  /** @throws the system's own error */
  async write(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      const part = rest.subarray(0, FRAME_BYTES - this.heldBytes)
      rest = rest.subarray(part.length)
      this.held.push(part)
      this.heldBytes += part.length
      if (this.heldBytes < FRAME_BYTES) continue
      this.begun ??= await this.begin()
      await this.begun.file.appendFile(await this.heldFrame())
    }
  }

  /** @throws the system's own error when the file could not be written */
  async end(): Promise<void> {
    const last = await this.heldFrame()
    if (this.begun === null) {
      const heading = await compressFrame(Buffer.from(this.heading()))
      return writeFile(this.path, Buffer.concat([heading, last]), { mode: 0o600 })
    }
    await this.begun.file.appendFile(last)
    await this.begun.file.close()
    if (this.heading() !== this.begun.heading) await this.replaceHeading(this.begun.headingBytes)
  }

  /** Removes the file of a document that did not arrive. */
  async discard(): Promise<void> {
    await this.begun?.file.close()
    await rm(this.path, { force: true })
  }

  private async begin(): Promise<Begun> {
    const heading = this.heading()
    const frame = await compressFrame(Buffer.from(heading))
    const file = await open(this.path, 'w', 0o600)
    await file.appendFile(frame)
    return { file, heading, headingBytes: frame.length }
  }

  private async replaceHeading(start: number): Promise<void> {
    const old = `${this.path}.old`
    await rename(this.path, old)
    await writeFile(this.path, await compressFrame(Buffer.from(this.heading())), { mode: 0o600 })
    const body = createReadStream(old, { start, highWaterMark: FRAME_BYTES })
    await pipeline(body, createWriteStream(this.path, { flags: 'a' }))
    await rm(old)
  }

  private async heldFrame(): Promise<Uint8Array> {
    const [first, ...others] = this.held
    const text = first !== undefined && others.length === 0 ? first : Buffer.concat(this.held)
    this.held = []
    this.heldBytes = 0
    return compressFrame(text)
  }
}
