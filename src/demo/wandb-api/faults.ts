/** Simulates faults between a client and the W&B API. */

import type { ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'

/** A fault of one request; `afterBytes` counts bytes of the body. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string; readonly text?: string }
  | { readonly kind: 'multiple-organizations' }
  | { readonly kind: 'html' }
  | { readonly kind: 'redirect'; readonly to: string }
  /** The connection is reset; without `afterBytes`, before any answer. */
  | { readonly kind: 'reset'; readonly afterBytes?: number }
  /** Nothing more is sent, but the connection stays open; without `afterBytes`, not even headers are sent. */
  | { readonly kind: 'stall'; readonly afterBytes?: number }
  /** The connection is closed before all bytes promised by content-length were sent. */
  | { readonly kind: 'short'; readonly afterBytes: number }
  | { readonly kind: 'broken-chunking'; readonly afterBytes: number }
  /** Complete as far as HTTP can tell, but cut inside an object. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** A page states one event more than it holds. */
  | { readonly kind: 'wrong-count' }
  /** The server no longer knows the cursor. */
  | { readonly kind: 'lost-page' }
  | { readonly kind: 'slow' }

const MULTIPLE_ORGANIZATIONS = 'user is associated with multiple organizations but no valid org ID found in user info'

const LOGIN_PAGE = '<!doctype html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>\n'

/** Answers at once if the fault leaves no body to send. Returns whether it did. */
export function answerFault(fault: Fault, response: ServerResponse): boolean {
  switch (fault.kind) {
    case 'status':
      response.writeHead(fault.status, fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter })
      response.end(fault.text ?? '')
      return true
    case 'multiple-organizations':
      response.writeHead(400, { 'content-type': 'text/plain' }).end(MULTIPLE_ORGANIZATIONS)
      return true
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(LOGIN_PAGE)
      return true
    case 'redirect':
      response.writeHead(302, { location: fault.to }).end()
      return true
    case 'lost-page':
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid cursor"}')
      return true
    case 'reset':
      if (fault.afterBytes !== undefined) return false
      response.socket?.resetAndDestroy()
      return true
    case 'stall':
      return fault.afterBytes === undefined
    default:
      return false
  }
}

/** Sends the body at the reader's pace, or as the fault requires. */
export async function send(response: ServerResponse, body: Iterable<string>, fault: Fault | null): Promise<void> {
  const stop = fault !== null && 'afterBytes' in fault ? (fault.afterBytes ?? 0) : Number.POSITIVE_INFINITY
  if (fault?.kind === 'short') response.setHeader('content-length', String(stop + 1000))
  let sent = 0
  for (const text of body) {
    const bytes = Buffer.from(text)
    await write(response, bytes.subarray(0, stop - sent))
    if (response.destroyed) return
    sent += bytes.length
    if (sent >= stop) break
    if (fault?.kind === 'slow') await wait(1)
  }
  if (fault?.kind === 'reset') response.socket?.resetAndDestroy()
  else if (fault?.kind === 'short') response.socket?.end()
  else if (fault?.kind === 'broken-chunking') response.socket?.end('no length\r\n')
  else if (fault?.kind !== 'stall') response.end()
}

/** Resolves when the bytes have been handed to the connection, so that a slow reader slows the generator down. */
function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve()
    response.once('close', resolve)
    response.write(bytes, () => {
      response.off('close', resolve)
      resolve()
    })
  })
}
