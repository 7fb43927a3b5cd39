/** Writes a document's bytes, as they arrive, into the file that is going to be archived. */

import { createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { compressFrame, FRAME_BYTES } from './zstd.js'

export class OriginalFile {
  private readonly path: string
  private readonly heading: () => string
  private held: Uint8Array[] = []
  private heldBytes = 0
  /** Of a document of more than one frame. */
  private file: FileHandle | null = null
  private begunWith = { heading: '', bytes: 0 }

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
      const file = this.file ?? (await this.begin())
      await file.appendFile(await this.heldFrame())
    }
  }

  /** @throws the system's own error when the file could not be written */
  async end(): Promise<void> {
    const last = await this.heldFrame()
    if (this.file === null) {
      const heading = await compressFrame(Buffer.from(this.heading()))
      return writeFile(this.path, Buffer.concat([heading, last]), { mode: 0o600 })
    }
    await this.file.appendFile(last)
    await this.file.close()
    if (this.heading() !== this.begunWith.heading) await this.replaceHeading()
  }

  /** Removes the file of a document that did not arrive. */
  async discard(): Promise<void> {
    try {
      await this.file?.close()
    } finally {
      await rm(this.path, { force: true })
      await rm(this.oldPath, { force: true })
    }
  }

  private get oldPath(): string {
    return `${this.path}.old`
  }

  private async begin(): Promise<FileHandle> {
    const heading = this.heading()
    const frame = await compressFrame(Buffer.from(heading))
    this.begunWith = { heading, bytes: frame.length }
    this.file = await open(this.path, 'w', 0o600)
    await this.file.appendFile(frame)
    return this.file
  }

  private async replaceHeading(): Promise<void> {
    await rename(this.path, this.oldPath)
    await writeFile(this.path, await compressFrame(Buffer.from(this.heading())), { mode: 0o600 })
    const body = createReadStream(this.oldPath, { start: this.begunWith.bytes, highWaterMark: FRAME_BYTES })
    await pipeline(body, createWriteStream(this.path, { flags: 'a' }))
    await rm(this.oldPath)
  }

  private async heldFrame(): Promise<Uint8Array> {
    const [first, ...others] = this.held
    const text = first !== undefined && others.length === 0 ? first : Buffer.concat(this.held)
    this.held = []
    this.heldBytes = 0
    return compressFrame(text)
  }
}
