/** The W&B API as a source: one document a UTC day, or a span of days from a server that cannot serve single days. */

import type { Check, DayRange, Document, Source, Warning } from '../../contract.js'
import { AuditError, EXIT, usageError } from '../../errors.js'
import { apiAddress, type Dialect } from './address.js'
import { type Probe, probe, type Windows } from './answers.js'
import { apiClient, type Query, type Timing } from './client.js'
import type { Credentials } from './credentials.js'
import { DAY_MS, type Day, dayId, dayOf, dayStates, FINAL, loadRange, phaseOf, spanId, startOf } from './days.js'
import { wrongDialect } from './failures.js'
import { type Outcome, readDay } from './read-day.js'
import { HOURS, progressOf, type Reading, readingOf, versionOf, wholeDays } from './readings.js'
import { type Server, server } from './server.js'

/** With clocks this far apart, nobody knows which of the newest events are complete. */
const APART_MS = 3_600_000

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
 * `list` returns days oldest first. Of a day that the sinks know, a document holds only what is due, and reading it determines its
 * version: docs/decisions/late-events.md. The earlier of this machine's and the server's clock decides.
 *
 * A classic server can begin a number of days ago, but cannot end before now. Final days that no sink knows form one document.
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

  /**
   * @param listed       the version, if it is known before reading
   * @param versionAfter the version once it has been read
   */
  function document(
    from: Server,
    [first, end]: readonly [Day, Day],
    reading: Reading,
    listed: string | undefined,
    versionAfter: (outcome: Outcome) => string,
  ): Document {
    let version = listed ?? null
    return {
      id: end === first + 1 ? dayId(endpoint, first, anonymize) : spanId(endpoint, first, end, anonymize),
      get version() {
        return version
      },
      bytes: null,
      isNdjson: from.hasPages,
      range: { from: startOf(first), to: startOf(end) },
      open: async (signal) =>
        readDay(
          first,
          reading,
          () => from.ask(first, reading.spans, signal),
          (outcome) => {
            version = versionAfter(outcome)
          },
        ),
    }
  }

  async function* list(
    range: DayRange,
    signal: AbortSignal,
    receipts: readonly ReadonlyMap<string, string>[] = [],
  ): AsyncGenerator<Document> {
    const { dialect, windows, serverDate } = agreed(await recognised(signal))
    const clocks = compared(now(), serverDate)
    const latest = (): Date => new Date(Math.max(now().getTime(), clocks.later.getTime()))
    const from = server({ client, dialect, windows, common, pageLimit: options.pageLimit, latest })
    const asOf = clocks.earlier.getTime()
    const isApart = clocks.later.getTime() - asOf >= APART_MS
    const [first, end] = daysIn(range, clocks)

    const stateOf = (day: Day) => {
      const phase = phaseOf(day, clocks.earlier, overlapMs)
      const listed = versionIn(receipts, dayId(endpoint, day, anonymize))
      return { phase, listed, before: progressOf(day, listed, asOf) }
    }
    const isUnread = (day: Day): boolean => {
      const { phase, listed, before } = stateOf(day)
      return phase === 'final' && listed !== FINAL && before === null
    }
    function dayDocument(day: Day): Document {
      const { phase, listed, before } = stateOf(day)
      const reading = readingOf(day, phase, before, asOf, isApart)
      const isRead =
        (phase === 'final' && listed === FINAL) ||
        (phase === 'settled' && before?.hours === HOURS) ||
        reading.spans.length === 0
      const versionAfter = ({ anyLine, digest }: Outcome): string => {
        // Without an event there is nothing to load, and the day counts as read so far only.
        const isIdle = phase === 'open' && before !== null && !anyLine
        return isIdle && listed !== undefined ? listed : versionOf(day, reading, digest)
      }
      return document(
        from,
        [day, day + 1],
        reading,
        isRead ? listed : phase === 'final' ? FINAL : undefined,
        versionAfter,
      )
    }

    for (let day = first; day < end; ) {
      let next = day + 1
      if (from.isOnward && isUnread(day)) while (next < end && isUnread(next)) next++
      yield next === day + 1 ? dayDocument(day) : document(from, [day, next], wholeDays(day, next), FINAL, () => FINAL)
      day = next
    }
  }

  /** With --api classic, a probe that fails is no obstacle: an old server may answer it with a blank or a web page. */
  async function recognised(signal: AbortSignal): Promise<Probe> {
    try {
      return await probe(client, common, now(), signal)
    } catch (error) {
      if (named !== 'classic' || signal.aborted || (error instanceof AuditError && error.exitCode !== EXIT.failed))
        throw error
      return { dialect: 'classic', windows: 'onward', serverDate: null }
    }
  }

  /** Follows the operator's choice if the server supports it: a newer server speaks the older dialects too. */
  function agreed({ dialect, windows, serverDate }: Probe): Probe {
    if (named === 'classic') return { dialect: named, windows: 'onward', serverDate }
    if (named === 'between') return { dialect: named, windows: 'days', serverDate }
    const isOlder = dialect === 'classic' || dialect === 'between'
    if (isOlder && (named !== undefined || address.multiTenant)) {
      throw wrongDialect(address, named ?? 'multi-tenant', dialect)
    }
    return { dialect, windows, serverDate }
  }

  /** One request serves both checks. */
  function checks(): readonly Check[] {
    let asked: Promise<Probe> | undefined
    const ask = (signal: AbortSignal): Promise<Probe> => {
      asked ??= recognised(signal).then(agreed)
      return asked
    }
    return [
      {
        name: 'login',
        run: async (signal) => {
          const { dialect, windows } = await ask(signal)
          return `the key may read audit logs; the server speaks ${dialect}, and ${WINDOWS[windows]}`
        },
      },
      {
        name: 'clock',
        async run(signal) {
          const answer = await ask(signal).catch(() => null)
          if (answer === null) return { warning: 'the server could not be asked', cure: 'See the login above.' }
          return clockVerdict(now(), answer.serverDate)
        },
      },
    ]
  }

  return {
    id: endpoint + (anonymize ? '?anonymize=true' : ''),
    window: (receipts) => loadRange(now(), receipts, overlapMs),
    list,
    unfinishedDays: (receipts) => dayStates(now(), receipts, overlapMs).unfinished.length,
    checks,
    close: client.close,
  }
}

const WINDOWS: Readonly<Record<Windows, string>> = {
  seconds: 'serves any hours',
  days: 'serves whole days',
  onward: 'serves everything from a day until now',
}

/** From this difference on, a load may ask for less than there is. */
const NOTICEABLE_MS = 60_000

function clockVerdict(local: Date, server: Date | null): string | Warning {
  if (server === null)
    return {
      warning: 'the server does not say what time it is',
      cure: 'Check whether a proxy removes the Date header.',
    }
  const ms = local.getTime() - server.getTime()
  const apart = `${Math.round(Math.abs(ms) / 1000)} s`
  if (Math.abs(ms) < NOTICEABLE_MS) return `it is within a minute of the server's`
  const warning = `this machine's clock is ${apart} ${ms > 0 ? 'ahead of' : 'behind'} the server's`
  return { warning, cure: 'Synchronise both with NTP: the earlier clock decides what is read.' }
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

/** Around midnight it may be today by one clock only: a range until now then begins with yesterday. The end is exclusive. */
function daysIn({ from, to }: DayRange, { earlier, later }: Clocks): readonly [Day, Day] {
  const asked = dayOf(from ?? earlier)
  const tomorrow = dayOf(later) + 1
  if (to !== null) return [asked, Math.min(Math.ceil(to.getTime() / DAY_MS), tomorrow)]
  return [Math.min(asked, Math.max(asked - 1, dayOf(earlier))), tomorrow]
}

/** The version of a document, if all sinks have the same. */
function versionIn(receipts: readonly ReadonlyMap<string, string>[], document: string): string | undefined {
  const [first, ...others] = receipts.map((known) => known.get(document))
  return others.every((version) => version === first) ? first : undefined
}
