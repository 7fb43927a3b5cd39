/** Writes small objects that must not replace others. */

import { AuditError, printable } from '../errors.js'
import type { ObjectStore } from './contract.js'

export class NewObjects {
  private isProven = false

  private readonly store: ObjectStore
  private readonly id: string

  /** @param id of the place, for the message */
  constructor(store: ObjectStore, id: string) {
    this.store = store
    this.id = id
  }

  /**
   * Writes the first object twice: a store that ignores the condition only replaces it by its equal.
   *
   * @returns whether it was written; false when there is one of that name
   * @throws AuditError when the store replaces objects that are there
   */
  async write(key: string, bytes: Uint8Array, signal: AbortSignal, retainUntil?: Date): Promise<boolean> {
    const create = (): Promise<string | null> => this.store.write(key, bytes, 'absent', signal, retainUntil)
    if ((await create()) === null) return false
    // What is refused for another reason, such as a lock, is not replaced either.
    const isReplaced = async (): Promise<boolean> =>
      (await create().catch((error: unknown) => {
        if (signal.aborted || !(error instanceof AuditError)) throw error
        return null
      })) !== null
    if (!this.isProven && (await isReplaced())) {
      throw new AuditError(`${printable(this.id)}: the store wrote over an object that it was told not to replace`, {
        advice:
          'It ignores conditional writes, so documents and seals in it may be replaced. Use another store, or a later version of this one: docs/s3.md.',
        outside: true,
      })
    }
    this.isProven = true
    return true
  }
}
