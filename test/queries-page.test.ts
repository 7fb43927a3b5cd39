/** The questions of docs/queries.md, on logs with an attack in them and without. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duckdbSink } from '../sinks/duckdb/index.js'
import type { Sink } from '../src/contract.js'
import { ATTACKER, attack, work } from './support/attack.js'
import { loadInto, ndjson, newFolder } from './support/load.js'
import { rowsOf } from './support/rows.js'

const PAGE = readFileSync(new URL('../docs/queries.md', import.meta.url), 'utf8')

interface Query {
  readonly section: string
  readonly title: string
  readonly sql: string
}

const QUERIES: readonly Query[] = PAGE.split(/^## /m).flatMap((part) => {
  const section = part.slice(0, part.indexOf('\n'))
  return [...part.matchAll(/([^\n]*)\n\n```sql\n([\s\S]*?)^```$/gm)].map(([, title = '', sql = '']) => ({
    section,
    title,
    sql,
  }))
})
const UNUSUAL = QUERIES.filter(({ section }) => section === 'What is unusual')

let calm: Sink
let attacked: Sink
beforeAll(async () => {
  const sink = (): Sink => duckdbSink(join(newFolder(), 'audit.duckdb'), { waitMs: 30_000, onWait() {} })
  ;[calm, attacked] = [sink(), sink()]
  const lines = ndjson(...work())
  await loadInto(calm, { work: lines })
  await loadInto(attacked, { work: lines, attack: ndjson(...attack()) })
}, 180_000)
afterAll(async () => {
  await calm.close()
  await attacked.close()
})

describe('docs/queries.md', () => {
  it('has questions about what is unusual', () => {
    expect(UNUSUAL.length).toBeGreaterThanOrEqual(6)
    expect(QUERIES.length).toBeGreaterThan(20)
  })

  it.each(QUERIES.filter(({ section }) => section !== UNUSUAL[0]?.section))(
    'answers, with the attack and without: $title',
    async ({ sql }) => {
      for (const sink of [calm, attacked]) expect(await rowsOf(sink, sql)).toBeInstanceOf(Array)
    },
  )

  it.each(UNUSUAL)('finds nothing in ordinary work: $title', async ({ sql }) => {
    expect(await rowsOf(calm, sql)).toEqual([])
  })

  it.each(UNUSUAL)('finds the attack, and nothing else: $title', async ({ sql }) => {
    const found = (await rowsOf(attacked, sql)).map((row) => row.actor ?? row.account)
    expect(found).toContain(ATTACKER.actor_email)
    expect(found.filter((actor) => actor !== ATTACKER.actor_email && actor !== 'unseen@example.com')).toEqual([])
  })

  it('a key of an account without any earlier event is found, and that of a new colleague is not', async () => {
    const [dormant] = UNUSUAL.filter(({ sql }) => sql.includes('days_away') && sql.includes('audit_keys'))
    const rows = await rowsOf(attacked, dormant?.sql ?? '')
    expect(rows.map(({ actor, days_away }) => [actor, days_away === null ? null : Number(days_away)])).toEqual([
      ['unseen@example.com', null],
      [ATTACKER.actor_email, 58],
    ])
    expect(rows.at(-1)).toMatchObject({ actor_ip: ATTACKER.actor_ip })
    expect(Number(rows.at(-1)?.artifact_reads_after)).toBe(20_000)
    expect(Number(rows.at(-1)?.seconds_into_session)).toBe(20)
  })
})
