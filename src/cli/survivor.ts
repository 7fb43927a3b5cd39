/** The messages between the supervisor, which survives, and a worker, which may die. */

import type { ExitCode } from '../errors.js'
import type { Entry, Post } from '../journal.js'

/** Sent by the supervisor: the entries that earlier workers posted. */
export interface Handover {
  readonly entries: readonly Entry[]
}

/** Sent by the worker. */
export type Message = { readonly entry: Entry } | { readonly everyMs: number } | { readonly code: ExitCode }

/** The supervisor, as the worker sees it. */
export interface Survivor extends Handover {
  readonly post: Post
  /** Asks for another run this long after the start of the current one, and so on. */
  repeatEvery(ms: number): Promise<void>
}
