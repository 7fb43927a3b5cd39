/** What `doctor` says of Redshift, and what its probes prove on the stand-in. */

import { expect, it } from 'vitest'
import { outcomesOf } from '../../support/checks.js'
import { BUCKET, newSchema, newSink, standIns } from './support.js'

const on = standIns()

it('a healthy database is ok and is probed; no object and no table stays', async () => {
  const schema = newSchema()
  const sink = await newSink(on, schema)
  const before = await on.redshift.execute('SELECT count(*) FROM pg_tables')
  expect(await outcomesOf(sink.checks?.())).toEqual([['staging', `s3://${BUCKET}/${schema} can be listed`]])
  expect(await outcomesOf(sink.probes?.('wandb_audit_doctor_1'))).toEqual([
    ['probe: staging', expect.stringContaining('conditional writes work')],
    ['probe: transactions', '4 transactions locked one table at once, and none was lost'],
    ['probe: COPY', 'COPY took a Parquet file, and SUPER its text'],
  ])
  expect(await on.redshift.execute('SELECT count(*) FROM pg_tables')).toEqual(before)
  expect(on.s3.keys(BUCKET)).toEqual([])
  await sink.close()
})

it('a staging bucket that ignores conditions is told, and the others are probed nevertheless', async () => {
  const sink = await newSink(on)
  on.s3.fail({ kind: 'unconditional', header: 'if-none-match', action: 'PutObject', times: 2 })
  const [staging, transactions] = await outcomesOf(sink.probes?.('wandb_audit_doctor_2'))
  expect(staging).toEqual(['probe: staging', expect.stringContaining('only if there is none')])
  expect(transactions).toEqual(['probe: transactions', expect.stringContaining('none was lost')])
  await sink.close()
})

it('a transaction that is lost is told', async () => {
  const sink = await newSink(on)
  on.redshift.fail({ kind: 'forgotten', sql: /"n" \+ 1/ })
  const transactions = sink.probes?.('wandb_audit_doctor_3').filter(({ name }) => name === 'probe: transactions')
  expect(await outcomesOf(transactions)).toEqual([
    ['probe: transactions', 'of 4 transactions that locked one table at once, 1 were lost'],
  ])
  await sink.close()
})

it('a table that could not be removed is named', async () => {
  const sink = await newSink(on)
  on.redshift.fail({ kind: 'ends', sql: /DROP TABLE/, status: 'FAILED', error: 'ERROR: permission denied' })
  const transactions = sink.probes?.('wandb_audit_doctor_4').filter(({ name }) => name === 'probe: transactions')
  const [[, outcome] = []] = await outcomesOf(transactions)
  expect(outcome).toMatchObject({
    warning: expect.stringMatching(/none was lost; its table .*wandb_audit_doctor_4_n.* could not be removed: /),
  })
  await sink.close()
})
