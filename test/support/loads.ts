/** Loads of three sources, for tests of what is kept of them. */

import { gzipSync } from 'node:zlib'
import type { Document, Source } from '../../src/contract.js'
import { documentOf, ndjson, sourceOf } from './load.js'

export const API = 'https://acme.wandb.io/admin/audit_logs'
export const at = (second: number, more: object = {}) => ({
  timestamp: new Date(Date.UTC(2026, 9, 1, 12, 0, second)).toISOString(),
  action: 'user:login',
  actor_user_id: second,
  ...more,
})
const DAY = { from: new Date('2026-10-01T00:00:00Z'), to: new Date('2026-10-02T00:00:00Z') }

/** One reading of a day of the API. */
const dayOf = (content: string, version: string | null = null): Document => ({
  ...documentOf(`${API}?day=2026-10-01`, content, version),
  range: DAY,
  isNdjson: true,
})

/** One whose version is known when all of it has been read. */
function laterKnown(content: string, known: string): Document {
  let version: string | null = null
  const bytes = Buffer.from(content)
  return {
    ...dayOf(content),
    get version() {
      return version
    },
    open: async () =>
      (async function* () {
        yield bytes
        version = known
      })(),
  }
}

const FIRST_READING = ndjson(at(1, { actor_email: 'ada@example.com' }), at(2), at(2))
const LATER_READING = ndjson(
  at(1, { actor_email: 'eve@example.com' }),
  at(2, { actor_email: 'bob@example.com' }),
  at(3),
)

/** Of three sources, with everything that may go wrong in a replay: repeats, names that differ, rejects, packed documents, pages. */
export const LOADS: readonly (readonly Source[])[] = [
  [
    sourceOf([laterKnown(FIRST_READING, 'until=12:05:00 hours=9 sha256=x')], API),
    sourceOf(
      [
        documentOf('s3://logs/2026-10-01/b.json.gz', gzipSync(ndjson(at(1), at(2), '{cut', '{cut', at(9)))),
        documentOf('s3://logs/../odd key\u202e\n.json', ndjson(at(4)), 'v1'),
      ],
      's3://logs',
    ),
  ],
  [
    sourceOf([dayOf(LATER_READING, 'settled')], API),
    sourceOf([documentOf('s3://logs/../odd key\u202e\n.json', ndjson(at(5), '[1]'), 'v2')], 's3://logs'),
    sourceOf([documentOf('stdin', JSON.stringify({ audit_logs: [at(6)], count: 1, next_cursor: null }))], 'stdin'),
  ],
  [sourceOf([dayOf(LATER_READING, 'final')], API), sourceOf([documentOf('/logs/empty', '')], 'files')],
]

const LINE = '{"timestamp":"2026-10-01T12:00:09.123456789Z","action":"user:login"'
const BEYOND = '9'.repeat(30)

/**
 * What an author of input may write: values that no column holds exactly, ids that are undocumented, keys twice, deep and long
 * lines, quotes of every dialect, and lines that are no events, one of them too long for one text. Before that, the API names what
 * it served without names before.
 */
export const HOSTILE_LOADS: readonly (readonly Source[])[] = [
  [sourceOf([dayOf(ndjson(at(7), at(8, { run_name: 'r' }), at(8, { run_name: 'r' })), 'anonymised')], API)],
  [
    sourceOf(
      [dayOf(ndjson(at(7, { user_email: 'late@example.com' }), at(8), at(8, { project_name: 'p', z: 0.1 })), 'named')],
      API,
    ),
  ],
  [
    sourceOf(
      [
        documentOf(
          "s3://logs/2026-10-02/'; DROP TABLE audit_events; --\\.json",
          [
            `${LINE},"response_code":"oops","run_asset":{"a":[15,"\\u0041"]},"big":${BEYOND}}`,
            `${LINE},"response_code":"oops","run_asset":{"a":[15,"\\u0041"]},"big":${BEYOND}}`,
            `${LINE},"actor_user_id":-0,"note":{"k":1,"k":2},"q":"'; \\" \\\\ $$ \`"}`,
            `${LINE},"cli_version":"${'ü'.repeat(5000)}"}`,
            `${LINE},"deep":${'['.repeat(400)}${']'.repeat(400)}}`,
            `${LINE},"cli_version":"a\\u0000b","job_id":"\\u0000"}`,
            JSON.stringify(at(7, { user_email: 'of the bucket' })),
            '{"timestamp":"2026-10-01T12:00:00Z"}',
            `{"cut":"${'x'.repeat(150_000)}`,
            `{"cut":"${'x'.repeat(150_000)}`,
          ].join('\n'),
        ),
      ],
      's3://logs',
    ),
  ],
]

/** An undocumented id that is no plain value, and a text beyond all columns: some warehouses cannot export them as they came. */
export const ODD_LOAD: readonly Source[] = [
  sourceOf(
    [
      documentOf(
        's3://logs/2026-10-02/odd.json',
        [`${LINE},"run_asset":{"b":[1.50],"a":1}}`, `${LINE},"cli_version":"${'ü'.repeat(40_000)}"}`].join('\n'),
      ),
    ],
    's3://logs',
  ),
]
