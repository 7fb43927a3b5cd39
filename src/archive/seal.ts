/**
 * A seal: what the archive held of one source and UTC day when the day was finished, and the SHA-256 of the seal before it.
 * A file of JSON lines: the seal, and its signature if it has one, which is over the first line with its line end.
 *
 *     sha256sum FILE   # what the next seal and an anchor state
 */

import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { z } from 'zod'
import { AuditError } from '../errors.js'

/** Numbers of one source's seals have so many digits. */
const DIGITS = 8
const FOLDER = 'seals/'
const SUFFIX = '.jsonl'

/** A seal of more than 100,000 documents is this large. Whoever can write to the archive must not exhaust the memory. */
export const MOST_SEAL_BYTES = 64 << 20

const day = z.string().regex(/^\d{4}-\d\d-\d\d$/)
const count = z.int().min(0)
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const digest = z.strictObject({ events: count, digest: z.string().regex(/^\d{1,40}$/) })

const document = z.strictObject({
  /** Of the object, below the archive's prefix. */
  key: z.string(),
  document: z.string(),
  version: z.string().nullable(),
  /** Of the document as it came, like its SHA-256. */
  bytes: count,
  sha256: hash,
  /** When it was read from its source; `order` tells apart what one run read in the same millisecond. */
  read_at: z.iso.datetime({ precision: 3 }),
  order: count,
  /** Null where its bytes are what they were, but could not be counted. */
  lines: count.nullable(),
  rejects: count.nullable(),
})

const FORMAT = 1

const form = z.strictObject({
  wandb_audit_seal: z.literal(FORMAT),
  source: z.string(),
  number: z.int().min(1),
  /** Of its documents. Null: it seals only these documents, which have no day, and not all that there are. */
  day: day.nullable(),
  /** The SHA-256 of the seal with the number before; null for the first. */
  previous: hash.nullable(),
  /** The number of the seal of the same day that this one replaces. */
  supersedes: z.int().min(1).nullable(),
  /** The latest day that this seal or one before it seals. */
  latest_day: day.nullable(),
  sealed_at: z.iso.datetime({ precision: 3 }),
  lines: count,
  /** Each once, however many documents have it. */
  events: count,
  rejects: count,
  /** Events of each documented action, and of all others together. */
  actions: z.record(z.string(), count),
  other_actions: count,
  /** Events by the UTC day of their timestamp; `digest` is the sum of the first 15 hexadecimal digits of each content_hash. */
  days: z.record(day, digest),
  /** Those of all further days. */
  other_days: digest,
  documents: z.array(document),
  /** Keys of objects that could not be read as the documents their names state. */
  unreadable: z.array(z.string()),
})

export type Seal = z.infer<typeof form>
export type SealedDocument = z.infer<typeof document>

export interface ReadSeal {
  readonly seal: Seal
  /** Whether it was signed with one of the keys; null when it has no signature. */
  isSignedWith(keys: readonly KeyObject[]): boolean | null
}

/** The bytes of a new seal. @param key Ed25519; null leaves it unsigned */
export function sealBytes(seal: Omit<Seal, 'wandb_audit_seal'>, key: KeyObject | null): Buffer {
  const line = Buffer.from(`${JSON.stringify({ wandb_audit_seal: FORMAT, ...seal })}\n`)
  if (line.length > MOST_SEAL_BYTES - 200) {
    throw new AuditError('the day has too many documents for one seal', {
      advice: 'Find out what writes so many: W&B writes one every ten minutes.',
    })
  }
  if (key === null) return line
  return Buffer.concat([
    line,
    Buffer.from(`${JSON.stringify({ ed25519: sign(null, line, key).toString('base64') })}\n`),
  ])
}

const SIGNATURE = /^\{"ed25519":"([A-Za-z0-9+/]{86}==)"\}\n$/

/** @throws AuditError when it is not a seal, or has a later format */
export function parseSeal(bytes: Buffer): ReadSeal {
  const end = bytes.indexOf('\n') + 1
  const line = bytes.subarray(0, end)
  const rest = bytes.toString('latin1', end)
  const [, signature] = SIGNATURE.exec(rest) ?? []
  if (end === 0 || (rest !== '' && signature === undefined)) throw damaged()
  let found: unknown
  try {
    found = JSON.parse(line.toString('utf8'))
  } catch {
    throw damaged()
  }
  const format = (found as { wandb_audit_seal?: unknown } | null)?.wandb_audit_seal
  if (typeof format === 'number' && format > FORMAT) {
    throw new AuditError('a later version of wandb-audit wrote it', { advice: 'Upgrade wandb-audit.' })
  }
  const parsed = form.safeParse(found)
  if (!parsed.success) throw damaged()
  return {
    seal: parsed.data,
    isSignedWith(keys) {
      if (signature === undefined) return null
      return keys.some((key) => verify(null, line, key, Buffer.from(signature, 'base64')))
    },
  }
}

const damaged = (): AuditError =>
  new AuditError('it is not a seal', {
    advice: 'Restore the object from a copy, or from an earlier version in the bucket.',
  })

/** Below the archive's prefix. No document has such a key: those have four parts. */
export const sealKey = (source: string, number: number): string =>
  `${sealsOf(source)}${String(number).padStart(DIGITS, '0')}${SUFFIX}`

/** What the keys of a source's seals begin with, below the archive's prefix. */
export const sealsOf = (source: string): string => `${FOLDER}${encodeURIComponent(source)}/`

/** Null when it is no key of a seal. */
export function parseSealKey(key: string): { readonly source: string; readonly number: number } | null {
  const [, name = '', digits = ''] = /^seals\/([^/]+)\/(\d{8})\.jsonl$/.exec(key) ?? []
  try {
    const source = decodeURIComponent(name)
    const number = Number(digits)
    return number > 0 && sealKey(source, number) === key ? { source, number } : null
  } catch {
    return null
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A number for a set of keys that does not depend on their order, to see whether two sets are the same. */
export class Coverage {
  private sum = 0n
  private count = 0

  add(key: string): this {
    this.sum += BigInt(`0x${sha256Of(Buffer.from(key))}`)
    this.count++
    return this
  }

  equals(other: Coverage): boolean {
    return this.sum === other.sum && this.count === other.count
  }
}

export function coverageOf({ documents, unreadable }: Pick<Seal, 'documents' | 'unreadable'>): Coverage {
  const coverage = new Coverage()
  for (const { key } of documents) coverage.add(key)
  for (const key of unreadable) coverage.add(key)
  return coverage
}

/** How many documents could not be read, or not counted. */
export const uncountedIn = ({ documents, unreadable }: Pick<Seal, 'documents' | 'unreadable'>): number =>
  unreadable.length + documents.filter(({ lines }) => lines === null).length

/** Tells the keys of an archive apart in a fraction of their memory. */
export const shortHash = (key: string): string => createHash('sha256').update(key).digest().toString('latin1', 0, 16)
