/** What the process that survives and the one that may die have to say to each other. */

import type { ExitCode } from '../errors.js'
import type { Entry, Post } from '../journal.js'

/** From the process that survives: what those before this one told. */
export interface Handover {
  readonly entries: readonly Entry[]
}

/** To it. */
export type Message = { readonly entry: Entry } | { readonly everyMs: number } | { readonly code: ExitCode }

/** The process that survives, as the work sees it. */
export interface Survivor extends Handover {
  readonly post: Post
  /** Asks for another run so long after the start of this one, and so on. */
  repeatEvery(ms: number): Promise<void>
}
