/** What can go wrong between a client and S3, on request. */

import type { ServerResponse } from 'node:http'
import type { RefusalCode } from './refusals.js'

export type Action = 'ListObjectsV2' | 'GetObject' | 'HeadObject' | 'PutObject' | 'DeleteObject' | 'unknown'

/** One thing that goes wrong with the next request it fits; `afterBytes` counts bytes of the answer's body. */
export type Fault = {
  /** Only this action, only this key; any when absent. */
  readonly action?: Action
  readonly key?: string
  /** How often; once when absent. */
  readonly times?: number
} & (
  | {
      readonly kind: 'refuse'
      readonly code: RefusalCode
      readonly message?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The connection is reset: without `afterBytes` before the request is looked at. */
  | { readonly kind: 'reset'; readonly afterBytes?: number }
  /** The request is carried out, and the connection reset in place of an answer. */
  | { readonly kind: 'lost-answer' }
  /** The connection is closed before all bytes that content-length promised were sent. */
  | { readonly kind: 'short'; readonly afterBytes: number }
  /** Nothing more is sent, and the connection stays open: without `afterBytes` not even the headers are. */
  | { readonly kind: 'stall'; readonly afterBytes?: number }
  /** One bit of the body is another one. */
  | { readonly kind: 'corrupt' }
  /** The body comes in pieces of so many bytes. */
  | { readonly kind: 'pieces'; readonly bytes: number }
  /** The object is sent as if this header had not been there: some stores do not know it. */
  | { readonly kind: 'ignore'; readonly header: 'range' | 'if-match' }
  /** Listings do not know this object yet. */
  | { readonly kind: 'unlisted'; readonly object: string }
  /** Runs before the request is carried out: an object can change between listing and reading. */
  | { readonly kind: 'before'; run(): void }
)

/** The queue: faults take effect in the order they were given. */
export function faultQueue() {
  const waiting: { readonly fault: Fault; left: number }[] = []
  return {
    add(fault: Fault): void {
      waiting.push({ fault, left: fault.times ?? 1 })
    },
    /** The first fault that fits; it is used up by that. */
    next(action: Action, key: string | null): Fault | null {
      const found = waiting.find(
        ({ fault }) => (fault.action ?? action) === action && (fault.key === undefined || fault.key === key),
      )
      if (found === undefined) return null
      found.left--
      if (found.left === 0) waiting.splice(waiting.indexOf(found), 1)
      return found.fault
    },
    /** How many faults nobody ran into yet. */
    get left(): number {
      return waiting.length
    },
  }
}

/** Sends a body with content-length already set, as the fault has it. */
export async function sendBody(response: ServerResponse, bytes: Uint8Array, fault: Fault | null): Promise<void> {
  if (fault?.kind === 'corrupt') {
    const changed = Uint8Array.from(bytes)
    if (changed.length > 0) changed[0] = (changed[0] ?? 0) ^ 1
    response.end(changed)
    return
  }
  if (fault?.kind === 'pieces') {
    for (let at = 0; at < bytes.length; at += fault.bytes) await written(response, bytes.subarray(at, at + fault.bytes))
    response.end()
    return
  }
  const stop = fault !== null && 'afterBytes' in fault ? fault.afterBytes : undefined
  if (stop === undefined) {
    response.end(bytes)
    return
  }
  response.flushHeaders()
  await written(response, bytes.subarray(0, stop))
  if (fault?.kind === 'reset') response.socket?.resetAndDestroy()
  if (fault?.kind === 'short') response.socket?.end()
}

/** Resolves when the system has taken the bytes, so that pieces leave as pieces and a reset comes after them. */
const written = (response: ServerResponse, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    if (bytes.length === 0 || response.destroyed) resolve()
    else response.write(bytes, () => resolve())
  })
