import { describe, expect, it } from 'vitest'
import {
  comparedDays,
  comparedHours,
  type Hole,
  type Hours,
  holesOf,
  type Party,
  silentDays,
} from '../../src/reconcile/hours.js'

/** A party with these numbers of events by hour; its digests are the numbers. */
const party = (name: string, kind: Party['kind'], events: Readonly<Record<string, number>>): Party => ({
  name,
  kind,
  hours: new Map(Object.entries(events).map(([at, n]) => [at, { events: n, digest: BigInt(n) }])),
})

const [FROM, TO] = [new Date('2026-10-01'), new Date('2026-10-05')]

/** An event in each of some hours of four days. */
const steady = Object.fromEntries(
  ['01', '02', '03', '04'].flatMap((day) => ['03', '04', '20'].map((hour) => [`2026-10-${day} ${hour}`, 10])),
)
const without = (pattern: RegExp) => Object.fromEntries(Object.entries(steady).filter(([at]) => !pattern.test(at)))

const holes = (...parties: readonly Party[]): readonly Hole[] => holesOf(parties, comparedHours(parties))

describe('hours', () => {
  it('are equal when counts and digests are', () => {
    const sink: Hours = new Map([
      ['2026-10-01 03', { events: 10, digest: 10n }],
      ['2026-10-01 04', { events: 10, digest: 11n }],
      ['2026-10-02 05', { events: 1, digest: 1n }],
    ])
    const parties = [
      party('api', 'source', { '2026-10-01 03': 10, '2026-10-01 04': 10 }),
      { ...party('sink', 'sink', {}), hours: sink },
    ]
    const compared = comparedHours(parties)
    expect(compared.map(({ at, isEqual }) => [at, isEqual])).toEqual([
      ['2026-10-01 03', true],
      ['2026-10-01 04', false],
      ['2026-10-02 05', false],
    ])
    expect(compared[2]?.counts[0]).toEqual({ events: 0, digest: 0n })
  })

  it('that balance each other do not make their day equal', () => {
    const parties = [
      party('api', 'source', { '2026-10-01 03': 1, '2026-10-01 04': 2 }),
      party('sink', 'sink', { '2026-10-01 03': 2, '2026-10-01 04': 1 }),
    ]
    const [first, ...others] = comparedDays(comparedHours(parties), FROM, TO, 2)
    expect(first).toEqual({
      at: '2026-10-01',
      counts: [
        { events: 3, digest: 3n },
        { events: 3, digest: 3n },
      ],
      isEqual: false,
    })
    expect(others.map(({ at, isEqual }) => [at, isEqual])).toEqual([
      ['2026-10-02', true],
      ['2026-10-03', true],
      ['2026-10-04', true],
    ])
  })
})

describe('a hole', () => {
  const api = party('api', 'source', steady)

  it.each([
    ['an hour', /02 04/, '2026-10-02 04', '2026-10-02 05', 10],
    ['a day', /10-02/, '2026-10-02 00', '2026-10-03 00', 30],
    ['two days', /10-0[23]/, '2026-10-02 00', '2026-10-04 00', 60],
    ['the evening of a day and the next one', /02 20|10-03/, '2026-10-02 20', '2026-10-04 00', 40],
    ['a day and the next morning', /10-02|03 03/, '2026-10-02 00', '2026-10-03 04', 40],
    ['the end of a day', /02 20/, '2026-10-02 20', '2026-10-02 21', 10],
  ])('of %s is named by its ends', (_what, pattern, from, until, events) => {
    const expected = [{ party: 'sink', kind: 'hole', from, until, events }]
    expect(holes(api, party('sink', 'sink', without(pattern)))).toEqual(expected)
  })

  it('at the end means that a sink, or a source beside another one, has stopped', () => {
    const stopped = without(/02 20|10-0[34]/)
    const span = { from: '2026-10-02 20', until: '2026-10-05 00', events: 70 }
    expect(holes(api, party('sink', 'sink', stopped))).toEqual([{ party: 'sink', kind: 'stopped', ...span }])
    expect(holes(api, party('bucket', 'source', stopped), party('sink', 'sink', steady))).toEqual([
      { party: 'bucket', kind: 'stopped', ...span },
    ])
  })

  it('at the end of every source, made by rows of a sink alone, is one in the sources', () => {
    const forged = { ...steady, '2026-10-04 23': 1 }
    const bucket = party('bucket', 'source', steady)
    const span = { from: '2026-10-04 23', until: '2026-10-05 00', events: 1 }
    expect(holes(api, bucket, party('sink', 'sink', forged))).toEqual([
      { party: 'api', kind: 'hole', ...span },
      { party: 'bucket', kind: 'hole', ...span },
    ])
  })

  it('is all there is of a party without any event', () => {
    expect(holes(api, party('sink', 'sink', {}))).toMatchObject([
      { kind: 'stopped', from: '2026-10-01 00', until: '2026-10-05 00', events: 120 },
    ])
  })
})

describe('silent days', () => {
  it('follow a day with events', () => {
    const parties = [party('api', 'source', { '2026-10-02 03': 1 }), party('sink', 'sink', { '2026-10-04 03': 1 })]
    expect(silentDays(comparedDays(comparedHours(parties), FROM, TO, 2))).toEqual(['2026-10-03'])
    expect(silentDays(comparedDays([], FROM, TO, 2))).toEqual([])
  })
})
