import { expect, it } from 'vitest'
import { lakeSink } from '../../sinks/parquet/index.js'
import { openLake } from '../../sinks/shared/lake.js'
import { loadInto, ndjson, never, newFolder } from '../support/load.js'
import { rowsOf } from '../support/rows.js'

it('status fetches the files of the days that it shows, and no other events', async () => {
  const lake = await openLake('parquet', `parquet:${newFolder()}`)
  const days = ['2020-02-02', '2026-10-01', '2026-10-03', '2026-10-04', '2099-01-01']
  const lines = days.map((day) => ({ timestamp: `${day}T12:00:00Z`, action: 'user:login', [`key_of_${day}`]: 1 }))
  await loadInto(lakeSink(lake, never), { a: ndjson(...lines) })

  const fetched: string[] = []
  const watched = {
    ...lake,
    fetch: (...args: Parameters<typeof lake.fetch>) => lake.fetch(...args).finally(() => fetched.push(args[0].key)),
  }
  const sink = lakeSink(watched, never)
  const answers = new Map<string, unknown[]>()
  for (const { name, sql } of await sink.questions.status(2)) answers.set(name, await rowsOf(sink, sql))
  expect(answers.get('days')).toEqual(days.slice(-2).map((day) => ({ day, source: 'test', events: 1n, rejects: 0n })))
  expect(answers.get('unknown_keys')).toHaveLength(2)
  expect(answers.get('sources')).toMatchObject([{ source: 'test', documents: 1n }])
  const ofEvents = fetched.filter((key) => key.includes('audit_events/'))
  expect(ofEvents.toSorted()).toEqual(days.slice(-2).map((day) => expect.stringContaining(`event_date=${day}/`)))
  expect(await rowsOf(sink, 'SELECT count(*) AS events FROM audit_events')).toEqual([{ events: 5n }])
  await sink.close()
})
