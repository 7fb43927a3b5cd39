/** What can go wrong between a client and S3, on request, beside what can with any store. */

import type { ServerResponse } from 'node:http'
import { type FaultOf, sendBody } from '../faults.js'
import type { RefusalCode } from './refusals.js'

export type Action =
  | 'ListObjectsV2'
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'DeleteObject'
  | 'GetObjectLockConfiguration'
  | 'unknown'

/** One thing that goes wrong with the next request it fits. */
export type Fault = FaultOf<
  Action,
  | {
      readonly kind: 'refuse'
      readonly code: RefusalCode
      readonly message?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** One bit of the body is another one. */
  | { readonly kind: 'corrupt' }
  /** The object is sent as if this header had not been there: some stores do not know it. */
  | { readonly kind: 'ignore'; readonly header: 'range' | 'if-match' }
  /** Listings do not know this object yet. */
  | { readonly kind: 'unlisted'; readonly object: string }
>

/** Sends a body with content-length already set, as the fault has it. */
export async function sendObject(response: ServerResponse, bytes: Uint8Array, fault: Fault | null): Promise<void> {
  const corrupt = fault?.kind === 'corrupt' && bytes.length > 0
  await sendBody(response, corrupt ? Uint8Array.from(bytes, (byte, i) => (i === 0 ? byte ^ 1 : byte)) : bytes, fault)
}
