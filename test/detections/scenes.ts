/** Made-up events around one moment: what each detection must find, and what it must not. */

const DAY = 86_400_000

/** When the period that is checked ends. */
export const NOW = Date.UTC(2026, 9, 31, 12)
/** Two days and today. */
export const PERIOD = { from: new Date(Date.UTC(2026, 9, 29)), to: new Date(NOW) }

type Values = Readonly<Record<string, string | number | null>>
export type SceneEvent = Values & { readonly timestamp: string; readonly action: string }

export interface Scene {
  readonly detection: string
  readonly name: string
  readonly events: readonly SceneEvent[]
  /** Some of what each finding must be; none if nothing may be found. */
  readonly found: readonly object[]
}

interface Time {
  readonly days?: number
  readonly seconds?: number
}

/** An event so long before NOW. */
export const ago = ({ days = 0, seconds = 0 }: Time, action: string, values: Values = {}): SceneEvent => ({
  timestamp: new Date(NOW - days * DAY - seconds * 1000).toISOString().replace('.000Z', 'Z'),
  action,
  response_code: 200,
  ...values,
})

const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n))

/** Ten artifacts read from one machine on each day from so many days ago until so many days ago. */
export const working = (who: Values, from: number, to: number): SceneEvent[] =>
  many(from - to + 1, (n) => to + n).flatMap((days) =>
    many(10, (n) => ago({ days, seconds: n * 60 }, 'artifact:read', { artifact_asset: n, ...who })),
  )

const person = (id: number, address: string): Values => ({ actor_user_id: id, actor_ip: address })
/** Somebody whose work makes the logs begin long ago. */
const COLLEAGUE = working(person(1, '10.0.0.1'), 80, 0)

const HOME = '10.1.0.7'
const ELSEWHERE = '203.0.113.9'

const KEYS: readonly Scene[] = [
  {
    detection: 'key_after_suspicious_login',
    name: 'a dormant account logs in and makes a key',
    events: [
      ...COLLEAGUE,
      ...working(person(2, HOME), 50, 45),
      ago({ seconds: 520 }, 'user:initiate_login', person(2, HOME)),
      ago({ seconds: 500 }, 'user:login', person(2, HOME)),
      ago({ seconds: 480 }, 'user:create_api_key', { ...person(2, HOME), user_asset: 2 }),
    ],
    found: [{ actor: '2', address: HOME, subject: '2', at: '2026-10-31T11:52:00Z', seconds: 40 }],
  },
  {
    detection: 'key_after_suspicious_login',
    name: 'an account of which the logs know nothing older makes a key',
    events: [
      ...COLLEAGUE,
      ago({ days: 1 }, 'user:login', person(3, HOME)),
      ago({ days: 1 }, 'user:create_api_key', person(3, HOME)),
    ],
    found: [{ actor: '3', seconds: 0 }],
  },
  {
    detection: 'key_after_suspicious_login',
    name: 'a key is made from a network that is new to an account',
    events: [
      ...working(person(4, HOME), 20, 0),
      ago({ seconds: 320 }, 'user:login', person(4, ELSEWHERE)),
      ago({ seconds: 300 }, 'user:create_api_key', person(4, ELSEWHERE)),
    ],
    found: [{ actor: '4', address: ELSEWHERE, seconds: 20 }],
  },
  {
    detection: 'key_after_suspicious_login',
    name: 'keys that are made at work, by a new account, in a short log, much later, or in vain',
    events: [
      ...working(person(5, HOME), 20, 0),
      ago({ seconds: 300 }, 'user:login', person(5, '10.1.0.99')),
      ago({ seconds: 280 }, 'user:create_api_key', person(5, '10.1.0.99')),
      ...COLLEAGUE,
      ago({ days: 1, seconds: 60 }, 'user:create', { ...person(1, HOME), user_asset: 6 }),
      ago({ days: 1, seconds: 30 }, 'user:login', person(6, HOME)),
      ago({ days: 1 }, 'user:create_api_key', person(6, HOME)),
      ...working(person(7, HOME), 50, 45),
      ago({ seconds: 7300 }, 'user:login', person(7, HOME)),
      ago({ seconds: 60 }, 'user:create_api_key', person(7, HOME)),
      ...working(person(8, HOME), 50, 45),
      ago({ seconds: 60 }, 'user:create_api_key', { ...person(8, HOME), response_code: 403 }),
    ],
    found: [],
  },
  {
    detection: 'key_after_suspicious_login',
    name: 'a key in a log that is shorter than the time of dormancy',
    events: [...working(person(1, HOME), 20, 0), ago({ seconds: 1 }, 'user:create_api_key', person(9, HOME))],
    found: [],
  },
]

const READS: readonly Scene[] = [
  {
    detection: 'heavy_artifact_reads',
    name: 'far more reads than on any other day, which was never seen before',
    events: [
      ...working(person(2, HOME), 4, 1),
      ...many(1200, (n) => ago({ seconds: n + 1 }, 'artifact:read', { ...person(2, HOME), artifact_asset: n })),
    ],
    found: [{ actor: '2', address: HOME, events: 1200, usual: 10, various: 1200 }],
  },
  {
    detection: 'heavy_artifact_reads',
    name: 'an account without a history reads much',
    events: many(1000, (n) => ago({ seconds: n + 1 }, 'artifact:read', { ...person(3, HOME), artifact_asset: 1 })),
    found: [{ actor: '3', events: 1000, usual: null, various: 1 }],
  },
  {
    detection: 'heavy_artifact_reads',
    name: 'reads that are few, refused, or usual for the actor',
    events: [
      ...many(999, (n) => ago({ seconds: n + 1 }, 'artifact:read', person(4, HOME))),
      ...many(1200, (n) => ago({ seconds: n + 1 }, 'artifact:read', { ...person(5, HOME), response_code: 403 })),
      ...many(1200, (n) => ago({ seconds: n + 1 }, 'artifact:read', person(6, HOME))),
      ...many(1100, (n) => ago({ days: 5, seconds: n }, 'artifact:read', person(6, HOME))),
    ],
    found: [],
  },
]

const LOGINS: readonly Scene[] = [
  {
    detection: 'login_after_refusals',
    name: 'refused log-ins without an actor, then one that succeeds',
    events: [
      ...many(7, (n) => ago({ seconds: 100 + n }, 'user:login', { actor_ip: ELSEWHERE, response_code: 401 })),
      ago({ seconds: 90 }, 'user:login', person(2, ELSEWHERE)),
      ago({ seconds: 30 }, 'user:login', person(2, ELSEWHERE)),
    ],
    found: [{ actor: '2', address: ELSEWHERE, events: 7, at: '2026-10-31T11:58:30Z', seconds: 16 }],
  },
  {
    detection: 'login_after_refusals',
    name: 'refused log-ins of one account from many addresses',
    events: [
      ...many(6, (n) =>
        ago({ seconds: 100 + n }, 'user:login', { actor_ip: `198.51.100.${n}`, user_asset: 3, response_code: 403 }),
      ),
      ago({ seconds: 90 }, 'user:login', person(3, ELSEWHERE)),
    ],
    found: [{ actor: '3', events: 6, various: 1 }],
  },
  {
    detection: 'login_after_refusals',
    name: 'few refusals, refusals before an earlier log-in, elsewhere or long ago, and other refused requests',
    events: [
      ...many(4, (n) => ago({ seconds: 100 + n }, 'user:login', { actor_ip: ELSEWHERE, response_code: 401 })),
      ...many(9, (n) => ago({ seconds: 100 + n }, 'user:login', { actor_ip: '192.0.2.1', response_code: 401 })),
      ...many(9, (n) => ago({ seconds: 3600 + n }, 'user:login', { actor_ip: ELSEWHERE, response_code: 401 })),
      ...many(9, (n) => ago({ seconds: 100 + n }, 'project:read', { actor_ip: ELSEWHERE, response_code: 404 })),
      ago({ seconds: 90 }, 'user:login', person(4, ELSEWHERE)),
    ],
    found: [],
  },
]

export const SCENES: readonly Scene[] = [...KEYS, ...READS, ...LOGINS]
