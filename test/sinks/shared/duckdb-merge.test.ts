import { expect, it } from 'vitest'
import { conflictsOfLoad } from '../../../sinks/shared/duckdb-merge.js'
import type { Batch } from '../../../src/contract.js'

it('joins the batch with the existing rows once to find all conflicts', () => {
  const sql = conflictsOfLoad({ loadId: 'a load' } as Batch, 'batch e JOIN existing t USING (content_hash)')
  expect(sql.match(/JOIN existing/g)).toHaveLength(1)
  expect(sql).toContain('MATERIALIZED')
})
