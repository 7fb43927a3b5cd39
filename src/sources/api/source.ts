/** The W&B API as a source: one document a UTC day, or a span of days from a server that cannot serve single days. */

import type { DayRange, Document, Source } from '../../contract.js'
import { AuditError, EXIT, usageError } from '../../errors.js'
import { apiAddress, type Dialect } from './address.js'
import { allPages, type Probe, probe, wholeLines } from './answers.js'
import { apiClient, type Query, type Timing } from './client.js'
import type { Credentials } from './credentials.js'
import { DAY_MS, type Day, dayOf, dayText, loadRange, spanId, startOf, versionOf, windowId } from './days.js'
import { wrongDialect } from './failures.js'

/** A classic server counts back from its own current day, which near midnight may differ from ours. */
const MIDNIGHT_MARGIN_MS = 3_600_000

/** Events per page; W&B allows 20,000 and 1,000,000. Pages of 100,000 keep a busy server's answers short. */
const PAGE_LIMIT = { current: 20_000, 'multi-tenant': 100_000 }

export interface ApiOptions {
  /** The deployment: `https://acme.wandb.io`, `https://api.wandb.ai`. */
  readonly baseUrl: string
  readonly credentials: Credentials
  /** Detected from the host and the answers when absent. */
  readonly dialect?: Dialect | undefined
  /** Events without names; not available on multi-tenant Cloud. */
  readonly anonymize?: boolean
  /** Permits plain http to other machines. */
  readonly insecureHttp?: boolean
  /** How late an event may become known and still be found. A day is final once this time, or two hours, have passed. */
  readonly overlapMs?: number
  now?(): Date
  readonly timing?: Timing
  readonly pageLimit?: number
  /** Sleeps for a Retry-After header. */
  wait?(ms: number, signal: AbortSignal): Promise<unknown>
}

/**
 * `list` returns days oldest first. Their versions are those of `versionOf`; the earlier of this machine's and the server's
 * clock decides.
 *
 * A classic server can begin a number of days ago, but cannot end before now. Its days form one document for each version.
 * What it sends beyond their range is loaded too, which does no harm.
 *
 * A range without a start begins today; one without an end includes today.
 *
 * @throws AuditError (usage) for an address that cannot be used, or for anonymize where it is not available
 */
export function apiSource(options: ApiOptions): Source {
  const { anonymize = false, dialect: named, overlapMs = 0, now = () => new Date() } = options
  const address = apiAddress(options.baseUrl, named ?? null, options.insecureHttp ?? false)
  if (anonymize && address.multiTenant) {
    throw usageError(
      'multi-tenant Cloud always serves names and e-mail addresses',
      'Omit --anonymize if that is acceptable, and mask the name columns in the warehouse.',
    )
  }
  const client = apiClient(address, options.credentials, options.timing, options.wait)
  const { endpoint } = address
  const common: Query = anonymize ? { anonymize: 'true' } : {}

  const windowQuery = (day: Day, limit: number): Query => ({
    ...common,
    startDate: dayText(day),
    ...(address.multiTenant ? { numDays: '0' } : { endDate: dayText(day + 1) }),
    limit: String(limit),
  })

  function window(day: Day, dialect: 'current' | 'multi-tenant', version: string | null): Document {
    const query = windowQuery(day, options.pageLimit ?? PAGE_LIMIT[dialect])
    return {
      id: windowId(endpoint, day, anonymize),
      version,
      bytes: null,
      isNdjson: true,
      range: { from: startOf(day), to: startOf(day + 1) },
      open: async (signal) => allPages(client, query, await client.get(query, signal), signal),
    }
  }

  function span(from: Day, to: Day, version: string | null, clocks: Clocks): Document {
    const numDays = (): number => {
      const latest = Math.max(now().getTime(), clocks.later.getTime()) + MIDNIGHT_MARGIN_MS
      return dayOf(new Date(latest)) - from
    }
    return {
      id: spanId(endpoint, from, version === null ? null : to, anonymize),
      version,
      bytes: null,
      range: { from: startOf(from), to: startOf(to) },
      open: async (signal) => wholeLines(address, await client.get({ ...common, numDays: String(numDays()) }, signal)),
    }
  }

  async function* list(range: DayRange, signal: AbortSignal): AsyncGenerator<Document> {
    const yesterday = dayOf(now()) - 1
    const { dialect, serverDate } = agreed(await recognised(windowQuery(yesterday, 1), signal))
    const clocks = compared(now(), serverDate)
    const tomorrow = dayOf(clocks.later) + 1
    const asked = dayOf(range.from ?? clocks.earlier)
    // Around midnight it may be today by one clock only: a range until now then begins with yesterday.
    const from = range.to === null ? Math.min(asked, Math.max(asked - 1, dayOf(clocks.earlier))) : asked
    const to = range.to === null ? tomorrow : Math.min(Math.ceil(range.to.getTime() / DAY_MS), tomorrow)
    if (from >= to) return
    for (let day = from; day < to; ) {
      const version = versionOf(day, clocks.earlier, overlapMs)
      let end = day + 1
      if (dialect === 'classic') while (end < to && versionOf(end, clocks.earlier, overlapMs) === version) end++
      yield dialect === 'classic' ? span(day, end, version, clocks) : window(day, dialect, version)
      day = end
    }
  }

  /** With --api classic, a probe that fails is no obstacle: an old server may answer it with a blank or a web page. */
  async function recognised(query: Query, signal: AbortSignal): Promise<Probe> {
    try {
      return await probe(client, query, signal)
    } catch (error) {
      if (named !== 'classic' || signal.aborted || (error instanceof AuditError && error.exitCode !== EXIT.failed))
        throw error
      return { dialect: 'classic', serverDate: null }
    }
  }

  /** Follows the operator's choice if the server supports it: a current server speaks classic too. */
  function agreed({ dialect, serverDate }: Probe): Probe {
    if (named === 'classic') return { dialect: 'classic', serverDate }
    if (dialect === 'classic' && (named !== undefined || address.multiTenant)) {
      throw wrongDialect(address, named ?? 'multi-tenant', 'classic')
    }
    return { dialect, serverDate }
  }

  return {
    id: endpoint + (anonymize ? '?anonymize=true' : ''),
    window: (receipts) => loadRange(now(), receipts, overlapMs),
    list,
    close: client.close,
  }
}

interface Clocks {
  readonly earlier: Date
  readonly later: Date
}

/** Caps the server's clock: a date far in the future would produce windows without end. */
function compared(local: Date, server: Date | null): Clocks {
  if (server === null) return { earlier: local, later: local }
  if (server < local) return { earlier: server, later: local }
  return { earlier: local, later: new Date(Math.min(server.getTime(), local.getTime() + DAY_MS)) }
}
