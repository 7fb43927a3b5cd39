/** What an erasure finds in a sink that returns these rows. */

import { describe, expect, it } from 'vitest'
import type { Value } from '../../src/contract.js'
import { findErased } from '../../src/privacy/finding.js'
import { erasureId, parsePerson } from '../../src/privacy/persons.js'
import { NO_PRIVACY, shownBy } from '../../src/privacy/shown.js'
import { KEY } from './support.js'

const erased = new Set([erasureId(KEY, parsePerson('ada@example.com'))])
const shown = shownBy({ ...NO_PRIVACY, key: KEY, erased })

async function foundIn(extras: readonly string[]) {
  async function* rows(sql: string): AsyncGenerator<readonly Value[]> {
    if (sql === 'extras') for (const extra of extras) yield [extra, extra]
  }
  const query = async (sql: string) => ({ columns: [], rows: rows(sql) })
  const questions = { names: 'names', extras: 'extras', conflicts: 'conflicts', rejects: 'rejects' }
  return (await findErased({ query, questions }, shown)).erasure.extras
}

describe('an extra', () => {
  const [bob, ada] = ['bob', 'ada'].map((who) => `{"by":["${who}@example.com"]}`)
  const deep = (json = '') => `{"a":${'['.repeat(1200)}${json}${']'.repeat(1200)}}`

  it('is found when it mentions the person, and then only', async () => {
    expect([...(await foundIn(['{}', String(bob), String(ada)]))]).toEqual([ada])
  })

  it('is read also where a warehouse keeps it as a text', async () => {
    const texts = [bob, ada, deep(bob), deep(ada)].map((json) => JSON.stringify(json))
    expect([...(await foundIn(texts))]).toEqual([texts[1], texts[3]])
  })
})
