/** What can go wrong between a client and a server, on request. */

import { once } from 'node:events'
import { type IncomingMessage, request as requestTo, type ServerResponse } from 'node:http'

/** Which request a fault waits for. */
interface Aim<Action extends string> {
  /** Only this action, only this key; any when absent. */
  readonly action?: Action
  readonly key?: string
  /** How often; once when absent. */
  readonly times?: number
}

/** What goes wrong with any server; `afterBytes` counts bytes of the answer's body. */
type Trouble =
  /** The connection is reset: without `afterBytes` before the request is looked at. */
  | { readonly kind: 'reset'; readonly afterBytes?: number }
  /** The request is carried out, and the connection reset in place of an answer. */
  | { readonly kind: 'lost-answer' }
  /** The connection is closed before all bytes that content-length promised were sent. */
  | { readonly kind: 'short'; readonly afterBytes: number }
  /** Nothing more is sent, and the connection stays open: without `afterBytes` not even the headers are. */
  | { readonly kind: 'stall'; readonly afterBytes?: number }
  /** The body comes in pieces of so many bytes. */
  | { readonly kind: 'pieces'; readonly bytes: number }
  /** A write is carried out as if it had no such condition, as some stores do it. */
  | { readonly kind: 'unconditional'; readonly header: 'if-match' | 'if-none-match' }
  /** Runs before the request is carried out: an object can change between listing and reading. */
  | { readonly kind: 'before'; run(): void | Promise<void> }

/** `Own` is what goes wrong with one server alone. */
export type FaultOf<Action extends string, Own> = Aim<Action> & (Trouble | Own)

export type Action = 'bucket' | 'list' | 'find' | 'read' | 'write' | 'remove' | 'unknown'

/** One thing that goes wrong with the next request it fits, at an object store. */
export type Fault = FaultOf<
  Action,
  {
    readonly kind: 'refuse'
    readonly status: number
    /** What the vendor calls the case, and says about it. */
    readonly code: string
    readonly message?: string
  }
>

export interface FaultQueue<F extends Aim<string>> {
  add(fault: F): void
  /** The first fault that fits; it is used up by that. */
  next(action: NonNullable<F['action']>, key: string | null): F | null
  /** How many nobody ran into yet. */
  readonly left: number
}

/** Faults take effect in the order they were given. */
export function faultQueue<F extends Aim<string>>(): FaultQueue<F> {
  const waiting: { readonly fault: F; left: number }[] = []
  return {
    add: (fault) => void waiting.push({ fault, left: fault.times ?? 1 }),
    next(action, key) {
      const found = waiting.find(
        ({ fault }) => (fault.action ?? action) === action && (fault.key === undefined || fault.key === key),
      )
      if (found === undefined) return null
      found.left--
      if (found.left === 0) waiting.splice(waiting.indexOf(found), 1)
      return found.fault
    },
    get left() {
      return waiting.length
    },
  }
}

/** Any fault, as far as a server need not know which. */
interface AnyFault {
  readonly kind: string
  readonly afterBytes?: number
  readonly bytes?: number
  readonly header?: string
  run?(): void | Promise<void>
}

/** What happens before a request is carried out. Returns whether it is over with that. */
export async function faultAtOnce(fault: AnyFault | null, request: IncomingMessage): Promise<boolean> {
  if (fault?.kind === 'before') await fault.run?.()
  if (fault?.kind === 'stall') return fault.afterBytes === undefined
  if (fault?.kind !== 'reset' || fault.afterBytes !== undefined) return false
  request.socket.resetAndDestroy()
  return true
}

/** Sends a body whose content-length is set already, as the fault has it. */
export async function sendBody(response: ServerResponse, bytes: Uint8Array, fault: AnyFault | null): Promise<void> {
  if (fault?.kind === 'lost-answer') {
    response.socket?.resetAndDestroy()
    return
  }
  if (fault?.kind === 'pieces') {
    const { bytes: size = 1 } = fault
    for (let at = 0; at < bytes.length; at += size) await written(response, bytes.subarray(at, at + size))
    response.end()
    return
  }
  const stop = fault?.afterBytes
  if (stop === undefined) {
    response.end(bytes)
    return
  }
  response.flushHeaders()
  await written(response, bytes.subarray(0, stop))
  if (fault?.kind === 'reset') response.socket?.resetAndDestroy()
  if (fault?.kind === 'short') response.socket?.end()
}

/** Lets the real server at `port` of this machine answer, and sends its answer as the fault has it. */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { port, path = request.url }: { readonly port: number; readonly path?: string | undefined },
  fault: AnyFault | null,
  edited = (_status: number, body: Buffer): Buffer => body,
): Promise<void> {
  const { method } = request
  const headers = { ...request.headers }
  if (fault?.kind === 'unconditional') delete headers[fault.header ?? '']
  const forwarded = requestTo({ host: '127.0.0.1', port, method, path, headers })
  request.pipe(forwarded)
  const [answer] = (await once(forwarded, 'response')) as [IncomingMessage]
  const pieces: Buffer[] = []
  for await (const piece of answer) pieces.push(piece)
  const body = Buffer.concat(pieces)
  const sent = edited(answer.statusCode ?? 500, body)
  const length =
    sent === body || answer.headers['content-length'] === undefined ? {} : { 'content-length': String(sent.length) }
  response.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...length })
  await sendBody(response, sent, fault)
}

/** What a request of this method does at an object store. */
export const actionOfMethod = (method = ''): Action => METHODS[method] ?? 'unknown'

const METHODS: Readonly<Record<string, Action>> = { HEAD: 'find', GET: 'read', PUT: 'write', DELETE: 'remove' }

/** Resolves when the system has taken the bytes, so that pieces leave as pieces and a reset comes after them. */
const written = (response: ServerResponse, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    if (bytes.length === 0 || response.destroyed) resolve()
    else response.write(bytes, () => resolve())
  })
