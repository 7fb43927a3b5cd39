/** Working hours in a time zone, also on the days on which its offset changes. */

import { DuckDBInstance } from '@duckdb/node-api'
import { expect, it } from 'vitest'
import { type Hours, isOutside } from '../../schemas/detections/hours.js'

const HOURS: Hours = {
  from_hour: 9,
  to_hour: 17,
  days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
  time_zone: 'Europe/Berlin',
}
/** Summer time ends on 25 October, at 01:00 UTC. */
const SPAN = { from: new Date('2026-10-23T00:00:00Z'), to: new Date('2026-10-28T00:00:00Z') }

async function isWork(at: string, hours: Partial<Hours> = {}, span = SPAN): Promise<unknown> {
  const connection = await (await DuckDBInstance.create()).connect()
  const us = `${Date.parse(at)}000::BIGINT`
  const rows = await connection.runAndReadAll(`SELECT NOT (${isOutside(us, span, { ...HOURS, ...hours })})`)
  connection.closeSync()
  return rows.getRows()[0]?.[0]
}

it.each([
  ['2026-10-23T06:59:59Z', false],
  ['2026-10-23T07:00:00Z', true],
  ['2026-10-24T14:59:59Z', true],
  ['2026-10-24T15:00:00Z', false],
  ['2026-10-26T07:59:59Z', false],
  ['2026-10-26T08:00:00Z', true],
  ['2026-10-26T15:59:59Z', true],
  ['2026-10-26T16:00:00Z', false],
])('%s is work in Berlin: %s', async (at, expected) => {
  expect(await isWork(at)).toBe(expected)
})

it.each([
  ['2026-10-23T19:59:59Z', false],
  // Friday, 22:00.
  ['2026-10-23T20:00:00Z', true],
  ['2026-10-24T03:59:59Z', true],
  ['2026-10-24T04:00:00Z', false],
  // The night to Sunday, and to Monday.
  ['2026-10-24T20:00:00Z', false],
  ['2026-10-25T21:00:00Z', true],
  ['2026-10-26T04:59:59Z', true],
  ['2026-10-26T05:00:00Z', false],
])('%s is work in a night from 22 to 6, on Fridays and Sundays: %s', async (at, expected) => {
  expect(await isWork(at, { from_hour: 22, to_hour: 6, days: ['fri', 'sun'] })).toBe(expected)
})

it('has days of its own: Sunday night in London is Monday morning in Auckland', async () => {
  const auckland = { time_zone: 'Pacific/Auckland', days: ['mon'] as const }
  expect(await isWork('2026-10-25T21:00:00Z', auckland)).toBe(true)
  expect(await isWork('2026-10-26T21:00:00Z', auckland)).toBe(false)
  expect(await isWork('2026-10-26T12:00:00Z', { days: [] })).toBe(false)
})
