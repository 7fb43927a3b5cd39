/** What `doctor` says of BigQuery, and what its probes prove on the stand-in. */

import { expect, it } from 'vitest'
import { outcomesOf } from '../../support/checks.js'
import { newPlace } from './support.js'

/** The four transactions begin before one of them ends; the job before them has none. */
const TOGETHER = { job: /query/, does: 'meet in transactions', of: 4, times: 5 } as const

it('a healthy dataset is ok, is probed, and keeps no table of a probe', async () => {
  const place = await newPlace()
  const sink = place.open()
  await sink.prepare()
  const before = place.standIn.tables('audit').length
  place.standIn.jobFaults.push({ ...TOGETHER })
  expect(await outcomesOf(sink.checks?.())).toEqual([['expiration', 'no table expires']])
  expect(await outcomesOf(sink.probes?.('wandb_audit_doctor_1'))).toEqual([
    ['probe: transactions', '4 transactions changed one row at once, and none was lost'],
    ['probe: load job', 'a load job took a Parquet file, and PARSE_JSON its text'],
  ])
  expect(place.standIn.tables('audit')).toHaveLength(before)
})

it('a dataset that does not exist is warned of, and nothing can be probed', async () => {
  const sink = (await newPlace()).open()
  expect(await outcomesOf(sink.checks?.())).toEqual([
    ['expiration', expect.objectContaining({ warning: 'the dataset does not exist yet' })],
  ])
  const [transactions] = await outcomesOf(sink.probes?.('wandb_audit_doctor_1'))
  expect(transactions).toEqual(['probe: transactions', expect.stringContaining('does not exist yet')])
})

it('a dataset that lets new tables expire is warned of', async () => {
  const sink = (await newPlace({ defaults: { defaultTableExpirationMs: '5184000000' } })).open()
  await sink.prepare()
  expect(await outcomesOf(sink.checks?.())).toEqual([
    ['expiration', expect.objectContaining({ warning: expect.stringContaining('lets new ones expire') })],
  ])
})

it('transactions that do not notice each other are told, and their table is removed', async () => {
  const place = await newPlace()
  const sink = place.open()
  await sink.prepare()
  place.standIn.jobFaults.push({ ...TOGETHER, losesChanges: true })
  const before = place.standIn.tables('audit').length
  const [transactions] = await outcomesOf(sink.probes?.('wandb_audit_doctor_1'))
  expect(transactions).toEqual([
    'probe: transactions',
    expect.stringMatching(/^of 4 transactions .*, [1-3] were lost$/),
  ])
  expect(place.standIn.tables('audit')).toHaveLength(before)
})
