/** Reads what is due of a day, and leaves out hours that were read before and are unchanged. */

import { createHash, type Hash } from 'node:crypto'
import { DAY_MS, type Day } from './days.js'
import { LineSieve } from './line-sieve.js'
import { HOUR_MS, HOURS, NO_HOUR, type Reading, type Span } from './readings.js'

/** An answer of the server. */
export interface Lines {
  readonly chunks: AsyncIterable<Uint8Array>
  /**
   * Lines of this range alone are left to other readings if they are not due. A line of any other time is passed on, because
   * nothing else may ever ask for it.
   */
  readonly range: Span
  /** Called for a time outside the range; may throw. */
  onOutside?(): void
}

/** What a reading has come to. */
export interface Outcome {
  /** Whether any line was passed on. */
  readonly anyLine: boolean
  /** Of all settled hours that have been read, from the first of the day. */
  readonly digest: string
}

/**
 * Equal events have equal timestamps, and spans begin and end at whole seconds. So either all repeats of an event are passed on
 * or none, and counting them stays exact.
 *
 * @param ask asks for the spans; the answers may hold more
 * @returns the lines that are due; before it ends, it calls `onEnd`
 * @throws what `ask` throws
 */
export async function* readDay(
  day: Day,
  { phase, spans, before, after }: Reading,
  ask: () => AsyncIterable<Lines>,
  onEnd: (outcome: Outcome) => void,
): AsyncGenerator<Uint8Array> {
  const start = day * DAY_MS
  const hourOf = (at: number): number => Math.floor((at - start) / HOUR_MS)
  const isDue = (at: number): boolean => spans.some(({ from, to }) => at >= from && at < to)
  const comparesFirst = phase !== 'open' ? before.hours : 0
  // Nothing to compare, now or later.
  const takesAll = phase === 'final' && comparesFirst === 0
  let anyLine = false
  /** It may repeat an event of any hour. */
  let anyUnplaced = false

  async function* sieved(
    hours: HourHashes,
    hashes: (hour: number) => boolean,
    wants: (hour: number) => boolean,
  ): AsyncGenerator<Uint8Array> {
    for await (const { chunks, range, onOutside } of ask()) {
      if (takesAll && onOutside === undefined && covers(spans, range)) {
        for await (const chunk of chunks) yield* passedOn(chunk)
        continue
      }
      const sieve = new LineSieve((at, line) => {
        const isOutside = at !== null && (at < range.from || at >= range.to)
        if (isOutside) onOutside?.()
        if (at === null || isOutside) {
          anyUnplaced = true
          return wants(HOURS)
        }
        if (!isDue(at)) return false
        const hour = hourOf(at)
        if (hashes(hour)) hours.add(hour, line)
        return wants(hour)
      })
      for await (const chunk of chunks) yield* passedOn(sieve.push(chunk))
      yield* passedOn(sieve.end())
    }
  }
  function* passedOn(lines: Uint8Array): Generator<Uint8Array> {
    if (lines.length === 0) return
    anyLine = true
    yield lines
  }

  const hours = new HourHashes()
  yield* sieved(
    hours,
    (hour) => hour < after.hours,
    (hour) => hour >= comparesFirst,
  )
  if (comparesFirst > 0 && (anyUnplaced || hours.digest(NO_HOUR, 0, comparesFirst) !== before.digest)) {
    const isCompared = (hour: number): boolean => hour < comparesFirst
    hours.forget(comparesFirst)
    yield* sieved(hours, isCompared, isCompared)
  }
  const digest =
    phase === 'open' ? hours.digest(before.digest, before.hours, after.hours) : hours.digest(NO_HOUR, 0, HOURS)
  onEnd({ anyLine, digest })
}

const covers = (spans: readonly Span[], range: Span): boolean =>
  spans.some(({ from, to }) => from <= range.from && range.to <= to)

class HourHashes {
  private readonly hashes = new Map<number, Hash>()

  add(hour: number, line: Uint8Array): void {
    const hash = this.hashes.get(hour) ?? createHash('sha256')
    this.hashes.set(hour, hash.update(line))
  }

  /** Forgets the hours before this one. */
  forget(before: number): void {
    for (let hour = 0; hour < before; hour++) this.hashes.delete(hour)
  }

  /** Continues a digest of the hours before `from` with those up to `to`, exclusive. */
  digest(earlier: string, from: number, to: number): string {
    let digest = earlier
    for (let hour = from; hour < to; hour++) {
      const lines = (this.hashes.get(hour)?.copy() ?? createHash('sha256')).digest()
      digest = createHash('sha256').update(`${digest}\n`).update(lines).digest('base64url')
    }
    return digest
  }
}
