import { afterAll } from 'vitest'
import { startWandbApi, type WandbApi } from '../../../src/demo/wandb-api.js'
import type { Dialect } from '../../../src/sources/api/address.js'
import { type Held, type SourcePlace, sourceConformance } from '../../conformance/sources.js'
import { DAY, KEY, range, sourceOf } from './support.js'

const PAGE_LIMIT = 2500
const DAYS = range('2026-03-03', null)

const servers: WandbApi[] = []
afterAll(() => Promise.all(servers.map((server) => server.close())))

const dayText = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** A server whose days are its documents: its clock, which is this machine's too, makes them change and come. */
function place(dialect: Dialect, anonymize: boolean): () => Promise<SourcePlace> {
  return async () => {
    let at = 0
    const now = (): Date => new Date(at)
    const server = await startWandbApi({ dialect, eventsPerDay: 6000, now })
    servers.push(server)
    const path = dialect === 'multi-tenant' ? '/audit_logs' : '/admin/audit_logs'
    const suffix = anonymize ? '&anonymize=true' : ''

    /** What the server sends, asked without any code of the product: of pages their events, one a line. */
    async function sent(query: string): Promise<string> {
      const authorization = `Basic ${Buffer.from(`api:${KEY}`).toString('base64')}`
      const ask = async (cursor: string): Promise<string> =>
        (await fetch(`${server.url}${path}?${query}${suffix}${cursor}`, { headers: { authorization } })).text()
      const first = await ask('')
      if (dialect === 'classic' || dialect === 'between') return first
      let text = ''
      for (let page = first; ; ) {
        const { audit_logs: events, next_cursor: cursor } = JSON.parse(page) as {
          audit_logs: object[]
          next_cursor: string | null
        }
        text += events.map((event) => `${JSON.stringify(event)}\n`).join('')
        if (cursor === null) return text
        page = await ask(`&cursor=${cursor}`)
      }
    }

    async function heldAt(time: string): Promise<Held> {
      at = Date.parse(time)
      const held = new Map<string, string>()
      const hold = async (id: string, query: string, end?: number) => {
        const lines = (await sent(query)).split(/(?<=\n)/)
        const kept = end === undefined ? lines : lines.filter((line) => Date.parse(JSON.parse(line).timestamp) < end)
        held.set(`${server.url}${path}?${id}${suffix}`, kept.join(''))
      }
      const [first, today] = [Date.parse('2026-03-03'), Math.floor(at / DAY) * DAY]
      if (dialect === 'classic') {
        await hold(`from=2026-03-03&to=${dayText(today)}`, `numDays=${(today - first) / DAY}`, today)
        await hold(`day=${dayText(today)}`, 'numDays=0')
        return held
      }
      for (let day = first; day <= today; day += DAY) {
        const end = dialect === 'current' ? `endDate=${dayText(day + DAY)}` : 'numDays=0'
        const limit = dialect === 'between' ? '' : `&limit=${PAGE_LIMIT}`
        await hold(`day=${dayText(day)}`, `startDate=${dayText(day)}&${end}${limit}`)
      }
      return held
    }

    return {
      days: DAYS,
      isApi: true,
      open: () => sourceOf(server, { now, anonymize, pageLimit: PAGE_LIMIT, dialect: dialectToName(dialect) }),
      fill: () => heldAt('2026-03-05T12:00:00Z'),
      change: () => heldAt('2026-03-05T13:00:00Z'),
      add: () => heldAt('2026-03-06T12:00:00Z'),
    }
  }
}

/** Multi-tenant Cloud is recognised by its host, which the stand-in does not have. */
const dialectToName = (dialect: Dialect): Dialect | undefined => (dialect === 'multi-tenant' ? dialect : undefined)

sourceConformance('the W&B API, classic', place('classic', false))
sourceConformance('the W&B API, classic, anonymised', place('classic', true))
sourceConformance('the W&B API, between', place('between', false))
sourceConformance('the W&B API, current', place('current', false))
sourceConformance('the W&B API, current, anonymised', place('current', true))
sourceConformance('the W&B API, multi-tenant', place('multi-tenant', false))
