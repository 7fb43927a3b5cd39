import type { DayRange, Document, Source } from '../../../src/contract.js'
import { type MadeEvent, madeDay, withoutNames } from '../../../src/demo/made-logs.js'
import type { WandbApi } from '../../../src/demo/wandb-api.js'
import { AuditError } from '../../../src/errors.js'
import type { Timing } from '../../../src/sources/api/client.js'
import { type ApiOptions, apiSource } from '../../../src/sources/api/source.js'
import { opened } from '../../support/load.js'

export const DAY = 86_400_000
export const SEED = 1
export const KEY = 'local-demo-key'

/** Pauses that take no time, and limits that a stalled stand-in reaches at once. */
export const QUICK: Timing = { connectMs: 10_000, headersMs: 150, idleMs: 150, retries: 3, pauseMs: 1 }
export const PATIENT: Timing = { ...QUICK, headersMs: 30_000, idleMs: 30_000 }

export const never = new AbortController().signal

export const range = (from: string, to: string | null): DayRange => ({
  from: new Date(from),
  to: to === null ? null : new Date(to),
})

export function sourceOf(api: Pick<WandbApi, 'url'>, options: Partial<ApiOptions> = {}): Source {
  return apiSource({ baseUrl: api.url, credentials: { username: 'api', key: KEY }, timing: PATIENT, ...options })
}

export async function listed(
  source: Source,
  days: DayRange,
  receipts: readonly ReadonlyMap<string, string>[] = [],
): Promise<Document[]> {
  const documents: Document[] = []
  for await (const document of source.list(days, never, receipts)) documents.push(document)
  return documents
}

/** Reads a document as landing does: from its beginning again when it breaks off and that may help. */
export async function whole(document: Document): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(document)
    } catch (error) {
      if (!(error instanceof AuditError && error.retryable) || attempt === 4) throw error
    }
  }
}

export async function once(document: Document): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await opened(document)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The events in a document's bytes, whether lines or pages. */
export function eventsOf(text: string): MadeEvent[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const parsed = JSON.parse(line)
      return 'audit_logs' in parsed ? parsed.audit_logs : [parsed]
    })
}

export async function allEvents(source: Source, days: DayRange): Promise<MadeEvent[]> {
  const events: MadeEvent[] = []
  for (const document of await listed(source, days)) events.push(...eventsOf(await whole(document)))
  return events
}

/** What was made for the days [from, to), which must have ended long ago. */
export function made(from: string, to: string, perDay: number, names = true): MadeEvent[] {
  const events: MadeEvent[] = []
  for (let day = Date.parse(from); day < Date.parse(to); day += DAY) events.push(...madeDay(SEED, day, perDay))
  return names ? events : events.map(withoutNames)
}

export async function rejection(promise: Promise<unknown>): Promise<AuditError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof AuditError)) throw new Error('expected an AuditError', { cause: error })
  return error
}
