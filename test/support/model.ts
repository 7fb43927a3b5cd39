/** Generated documents, and what any way of loading them must end in, in plain TypeScript. */

import fc from 'fast-check'
import { asKept, contentHash, type ExactRecord, exact, sha256 } from './exact.js'

export interface Made {
  readonly id: string
  /** Text without line ends: an event's JSON, or what cannot become one. */
  readonly lines: readonly string[]
}

const BAD = ['hello', '[1]', '{"action":"user:login"}', '{"timestamp":"2026-02-30T00:00:00Z","action":"x"}', '{"a":1']

/** Few values, so that events repeat and overlap; values of every kind, so that each path is taken. */
const event = fc
  .record(
    {
      timestamp: fc.constantFrom(
        '"2026-10-01T12:34:56Z"',
        '"2026-10-01T14:34:57+02:00"',
        '"2026-10-01T12:34:56.000000001Z"',
        '"1969-12-31T23:59:59.5Z"',
      ),
      action: fc.constantFrom('"user:login"', '"artifact:read"', '"ünï\\u0063ode"'),
      actor_user_id: fc.constantFrom('7', '"7"', '8', '12345678901234567890', '1.50', '-0', '{"a":"\\u0041"}', 'null'),
      response_code: fc.constantFrom('200', '"200"', '403', '"oops"', '2e2'),
      cli_version: fc.constantFrom('"0.17.0"', '""', '"1,-"', '"a\\u0000b"'),
      run_asset: fc.constantFrom('41', '42', '0.10', '{"a":[1.0,"\\u0041"]}', 'null'),
      job_id: fc.constantFrom('"a"', '""'),
    },
    { requiredKeys: ['timestamp', 'action'] },
  )
  .map((members) => Object.entries(members).map(([key, json]) => `"${key}":${json}`))

/** Keys that one source serves and another does not, so that extras overlap in part. */
const UNKNOWN_KEYS = ['artifact_sequence_name', 'artifact_version_index', 'run info']

/** What is looked up, and what one source alone serves, follow from who the event is: no two documents disagree. */
function served(members: readonly string[], withNames: boolean, unknownKeys: readonly string[]): string {
  const id = contentHash(exact(`{${members.join(',')}}`) as ExactRecord).slice(0, 8)
  const names = withNames ? [`"actor_email":"${id}@example.com"`, `"project_name":"project ${id}"`] : []
  const unknown = unknownKeys.map((key) => `"${key}":[0.10, "${id} ${key}"]`)
  return `{${[...members, ...names, ...unknown].join(',')}}`
}

const line = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(event, fc.boolean(), fc.subarray(UNKNOWN_KEYS))
      .map(([members, ...more]) => served(members, ...more)),
  },
  { weight: 1, arbitrary: fc.constantFrom(...BAD) },
)

/** One to four documents of a few lines. */
export const documents: fc.Arbitrary<readonly Made[]> = fc
  .array(fc.array(line, { maxLength: 8 }), { minLength: 1, maxLength: 4 })
  .map((contents) => contents.map((lines, i) => ({ id: `document ${i}`, lines })))

export interface Expected {
  /** Records by content_hash, with every name and extra any of the documents has. */
  readonly events: ReadonlyMap<string, ExactRecord>
  readonly rejects: ReadonlySet<string>
}

/** What is in the tables when all of the documents were loaded, in whatever order and however often. */
export function expected(made: readonly Made[]): Expected {
  const events = new Map<string, ExactRecord>()
  const rejects = new Set<string>()
  for (const { id, lines } of made) {
    const seen = new Map<string, number>()
    const repeatOf = (text: string): number => {
      const repeat = seen.get(text) ?? 0
      seen.set(text, repeat + 1)
      return repeat
    }
    for (const text of lines) {
      if (BAD.includes(text)) {
        rejects.add(sha256(`${Buffer.byteLength(id)}:${id},${Buffer.byteLength(text)}:${text}#${repeatOf(text)}`))
        continue
      }
      const record = exact(text) as ExactRecord
      const hash = contentHash(record, repeatOf(contentHash(record)))
      events.set(hash, { ...asKept(record), ...events.get(hash) })
    }
  }
  return { events, rejects }
}
