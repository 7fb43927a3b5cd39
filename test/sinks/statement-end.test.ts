import { describe, expect, it } from 'vitest'
import { withoutEnd } from '../../sinks/shared/statement-end.js'

describe('the end of a statement', () => {
  it.each([
    ['SELECT 1', 'SELECT 1'],
    [' SELECT 1 ;\n', ' SELECT 1'],
    ['SELECT 1; -- done', 'SELECT 1'],
    ['SELECT 1 ;;\n/* the ** end */ -- done\n\t', 'SELECT 1'],
    ['SELECT 1;\n-- done\n;', 'SELECT 1'],
    ['SELECT 1 -- a; b', 'SELECT 1 -- a; b'],
    ["SELECT ';'", "SELECT ';'"],
    ['SELECT 1; SELECT 2;', 'SELECT 1; SELECT 2'],
    ['SELECT 1; /* open', 'SELECT 1; /* open'],
    [';', ''],
  ])('of %j is left out', (sql, expected) => {
    expect(withoutEnd(sql)).toBe(expected)
  })

  it.each([
    'SELECT 1'.padEnd(1_000_000),
    `SELECT${' '.repeat(1_000_000)}1`,
    '; '.repeat(500_000),
    '/*'.repeat(500_000),
  ])('is found in one pass (case %#)', (sql) => {
    expect(sql.startsWith(withoutEnd(sql))).toBe(true)
  })
})
