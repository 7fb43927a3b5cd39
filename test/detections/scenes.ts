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
  /** Lines that are no events; the period is then today, because rejects have only the time of their load. */
  readonly rejects?: readonly string[]
  readonly parameters?: object
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

/** An event within one second, a minute and 40 seconds ago. */
const within = (part: number, action: string, values: Values): SceneEvent =>
  ago({ seconds: 100 - part }, action, values)

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
    name: 'an account that is known for three days logs in from elsewhere and makes a key',
    events: [
      ...working(person(10, HOME), 3, 1),
      ago({ seconds: 320 }, 'user:login', person(10, ELSEWHERE)),
      ago({ seconds: 300 }, 'user:create_api_key', person(10, ELSEWHERE)),
      ...working(person(11, HOME), 3, 1),
      ago({ seconds: 300 }, 'user:create_api_key', person(11, ELSEWHERE)),
    ],
    found: [{ actor: '10', address: ELSEWHERE, seconds: 20 }],
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
    found: [{ actor: '3', events: 6 }],
  },
  {
    detection: 'login_after_refusals',
    name: 'refusals within one second, of which only those between two log-ins count',
    events: [
      within(0.1, 'user:login', person(5, ELSEWHERE)),
      ...many(6, (n) => within(0.2 + n / 100, 'user:login', { actor_ip: ELSEWHERE, response_code: 401 })),
      within(0.5, 'user:login', person(5, ELSEWHERE)),
      ...many(4, (n) => within(0.6 + n / 100, 'user:login', { actor_ip: ELSEWHERE, response_code: 401 })),
      within(0.9, 'user:login', person(5, ELSEWHERE)),
    ],
    found: [{ actor: '5', events: 6, at: '2026-10-31T11:58:20.5Z' }],
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

const NETWORKS: readonly Scene[] = [
  {
    detection: 'new_network',
    name: 'a known account acts from somewhere else',
    events: [
      ...working(person(2, HOME), 20, 0),
      ago({ seconds: 60 }, 'project:read', person(2, '2001:db8:7::1')),
      ago({ seconds: 30 }, 'project:read', person(2, '2001:db8:7::2')),
    ],
    found: [{ actor: '2', address: '2001:db8:7::1', subject: '2001:db8:7:', events: 2 }],
  },
  {
    detection: 'new_network',
    name: 'a known account has another address, where addresses must be known',
    events: [...working(person(2, HOME), 20, 0), ago({ seconds: 60 }, 'project:read', person(2, '10.1.0.8'))],
    parameters: { by: 'address' },
    found: [{ actor: '2', subject: '10.1.0.8' }],
  },
  {
    detection: 'new_network',
    name: 'addresses of IPv4 that are written as those of IPv6',
    events: [
      ...working(person(2, `::ffff:${HOME}`), 20, 0),
      ago({ seconds: 60 }, 'project:read', person(2, '::ffff:10.1.0.8')),
      ago({ seconds: 60 }, 'project:read', person(2, `::ffff:${ELSEWHERE}`)),
    ],
    found: [{ actor: '2', address: `::ffff:${ELSEWHERE}` }],
  },
  {
    detection: 'new_network',
    name: 'another address of a known network, a new account, a refused request',
    events: [
      ...working(person(2, HOME), 20, 0),
      ago({ seconds: 60 }, 'project:read', person(2, '10.1.0.8')),
      ago({ seconds: 60 }, 'project:read', { ...person(2, ELSEWHERE), response_code: 403 }),
      ago({ days: 1 }, 'project:read', person(3, HOME)),
      ago({ seconds: 60 }, 'project:read', person(3, ELSEWHERE)),
    ],
    found: [],
  },
]

export const deletions = (count: number, each: number, values: Values, days = 0): SceneEvent[] =>
  many(count, (n) =>
    ago({ days, seconds: 60 + n * each }, n % 2 === 0 ? 'run:delete' : 'artifact:delete', {
      ...values,
      artifact_asset: n,
    }),
  )

const DELETIONS: readonly Scene[] = [
  {
    detection: 'deletion_burst',
    name: 'everything is deleted within minutes',
    events: [...deletions(60, 10, person(2, HOME)), ...deletions(2, 10, person(2, HOME), 3)],
    found: [{ actor: '2', address: HOME, events: 60, usual: 2, various: 2 }],
  },
  {
    detection: 'deletion_burst',
    name: 'a burst that begins just before midnight',
    events: [
      ...many(49, (n) => ago({ seconds: 12 * 3600 + 60 + n }, 'run:delete', person(2, HOME))),
      ...many(400, (n) => ago({ seconds: 12 * 3600 - 60 - n }, 'run:delete', person(2, HOME))),
    ],
    found: [{ actor: '2', events: 449, usual: null }],
  },
  {
    detection: 'deletion_burst',
    name: 'half of a burst comes after midnight, and users are removed in it',
    events: [
      ...many(30, (n) => ago({ seconds: 12 * 3600 + 60 + n }, 'user:permanently_delete', person(2, HOME))),
      ...many(26, (n) => ago({ seconds: 12 * 3600 - 60 - n }, 'team:uninvite', person(2, HOME))),
    ],
    found: [{ actor: '2', events: 56, various: 2 }],
  },
  {
    detection: 'deletion_burst',
    name: 'few deletions, slow ones, those of a script that does it every day, deleted keys',
    events: [
      ...deletions(49, 10, person(3, HOME)),
      ...deletions(60, 90, person(4, HOME)),
      ...[0, 1, 2, 3, 4].flatMap((days) => deletions(60, 10, person(5, HOME), days + 2)),
      ...many(60, (n) => ago({ seconds: 60 + n }, 'user:delete_api_key', person(6, HOME))),
      ...many(60, (n) => ago({ seconds: 60 + n }, 'run:stop', person(6, HOME))),
      ...many(60, (n) => ago({ seconds: 60 + n }, 'run:delete', { ...person(7, HOME), response_code: 403 })),
    ],
    // The script's first day is not within the period.
    found: [],
  },
]

const target = (id: number): Values => ({ ...person(1, HOME), user_asset: id })

const DISABLED: readonly Scene[] = [
  {
    detection: 'disabled_user_active',
    name: 'a deactivated user and a deleted one go on',
    events: [
      ago({ days: 40 }, 'user:deactivate', target(2)),
      ago({ days: 1, seconds: 7200 }, 'artifact:read', person(2, ELSEWHERE)),
      ago({ days: 1 }, 'artifact:read', person(2, ELSEWHERE)),
      ago({ days: 1, seconds: 3600 }, 'user:permanently_delete', target(3)),
      ago({ days: 1 }, 'artifact:read', person(3, HOME)),
    ],
    found: [
      { actor: '2', address: ELSEWHERE, events: 2, seconds: 39 * 86_400 - 7200 },
      { actor: '3', events: 1, seconds: 3600 },
    ],
  },
  {
    detection: 'disabled_user_active',
    name: 'requests of the first minutes, refused ones, log-outs, reactivated users, and deactivations that were refused',
    events: [
      ago({ seconds: 600 }, 'user:deactivate', target(4)),
      ago({ seconds: 400 }, 'artifact:read', person(4, HOME)),
      ago({ seconds: 60 }, 'user:logout', person(4, HOME)),
      ago({ seconds: 60 }, 'artifact:read', { ...person(4, HOME), response_code: 401 }),
      ago({ days: 9 }, 'user:deactivate', target(5)),
      ago({ days: 8 }, 'user:reactivate', target(5)),
      ago({ seconds: 60 }, 'artifact:read', person(5, HOME)),
      ago({ days: 9 }, 'user:deactivate', { ...target(6), response_code: 403 }),
      ago({ seconds: 60 }, 'artifact:read', person(6, HOME)),
    ],
    found: [],
  },
]

const hours = (count: number, first: number, source = person(2, HOME)): SceneEvent[] =>
  many(count, (n) => ago({ seconds: (first + n) * 3600 }, 'project:read', source))

const SILENCES: readonly Scene[] = [
  {
    detection: 'silent_source',
    name: 'no events for more than a day, and still none',
    events: hours(100, 25),
    found: [{ subject: 'test', events: 0, seconds: 25 * 3600, usual: 3600 }],
  },
  {
    detection: 'silent_source',
    name: 'a silence, although an event was planted long before',
    events: [...hours(100, 25), ago({ days: 50 }, 'project:read', person(1, HOME))],
    found: [{ subject: 'test', seconds: 25 * 3600 }],
  },
  {
    detection: 'silent_source',
    name: 'a hole that has ended',
    events: [...hours(5, 1), ...hours(100, 40)],
    found: [{ seconds: 35 * 3600 }],
  },
  {
    detection: 'silent_source',
    name: 'a source that paused like this before, a short pause, and one that hardly began',
    events: [...hours(35, 30), ...hours(35, 95)],
    found: [],
  },
  { detection: 'silent_source', name: 'a short pause', events: hours(100, 23), found: [] },
  { detection: 'silent_source', name: 'a source that has hardly begun', events: hours(20, 48), found: [] },
]

const SATURDAY_NIGHT = { seconds: 9 * 3600 }
const SUNDAY_IN_PERIOD = { days: 0, seconds: 3600 }

const ADMINS: readonly Scene[] = [
  {
    detection: 'admin_outside_hours',
    name: 'members are added at night',
    events: [
      ago(SATURDAY_NIGHT, 'team:invite_user', { ...target(7), entity_name: 'vision' }),
      ago(SATURDAY_NIGHT, 'organization:update_member', target(7)),
    ],
    found: [{ actor: '1', entity: 'vision', events: 2, various: 2, subject: 'organization:update_member' }],
  },
  {
    detection: 'admin_outside_hours',
    name: 'it is night where the administrators are',
    // 12:00 UTC on Friday is 21:00 in Tokyo.
    events: [ago({ days: 1 }, 'team:invite_user', target(7))],
    parameters: { time_zone: 'Asia/Tokyo' },
    found: [{ actor: '1', events: 1 }],
  },
  {
    detection: 'admin_outside_hours',
    name: 'changes by day, of the own profile, by nobody, refused, and other actions',
    events: [
      ago({ days: 1 }, 'team:invite_user', target(7)),
      ago(SUNDAY_IN_PERIOD, 'user:update', { ...person(7, HOME), user_asset: 7 }),
      ago(SUNDAY_IN_PERIOD, 'user:create', { user_asset: 8 }),
      ago(SUNDAY_IN_PERIOD, 'team:create', { ...person(7, HOME), response_code: 403 }),
      ago(SUNDAY_IN_PERIOD, 'artifact:delete', person(7, HOME)),
    ],
    found: [],
  },
]

const ACCOUNTS: readonly Scene[] = [
  {
    detection: 'service_account_created',
    name: 'a service account',
    events: [ago({ days: 1 }, 'team:create_service_account', { ...target(9), entity_asset: 5 })],
    found: [{ actor: '1', subject: '9', entity: '5', address: HOME, events: 1 }],
  },
  {
    detection: 'service_account_created',
    name: 'one that was refused, and other accounts',
    events: [
      ago({ days: 1 }, 'team:create_service_account', { ...target(9), response_code: 403 }),
      ago({ days: 1 }, 'user:create', target(9)),
      ago({ days: 9 }, 'team:create_service_account', target(9)),
    ],
    found: [],
  },
]

const crowd = (actors: number, address: string, days = 0): SceneEvent[] =>
  many(actors, (n) => ago({ days, seconds: 60 + n }, 'project:read', person(100 + n, address)))

const ADDRESSES: readonly Scene[] = [
  {
    detection: 'shared_address',
    name: 'many accounts from one address',
    events: [...crowd(12, ELSEWHERE), ...crowd(2, ELSEWHERE, 5)],
    found: [{ actor: null, address: ELSEWHERE, events: 12, various: 12, usual: 2 }],
  },
  {
    detection: 'shared_address',
    name: 'few accounts, and an office',
    events: [...crowd(9, ELSEWHERE), ...[0, 5, 6].flatMap((days) => crowd(50, HOME, days))],
    found: [],
  },
]

const REJECTS: readonly Scene[] = [
  {
    detection: 'rejects_rising',
    name: 'many lines cannot be read',
    events: [],
    rejects: many(25, (n) => `{"n":${n}}`),
    found: [{ subject: 'no_timestamp', events: 25, various: 1, usual: null }],
  },
  {
    detection: 'rejects_rising',
    name: 'some lines cannot be read',
    events: [],
    rejects: many(19, (n) => `{"n":${n}}`),
    found: [],
  },
]

const UNDOCUMENTED: readonly Scene[] = [
  {
    detection: 'undocumented',
    name: 'a new action and a new key',
    events: [
      ago({ seconds: 90 }, 'registry:share', person(2, HOME)),
      ago({ seconds: 60 }, 'run:delete', { ...person(2, HOME), run_asset: 7 }),
      ago({ seconds: 30 }, 'run:delete', { ...person(2, HOME), run_asset: 8 }),
    ],
    found: [
      { subject: 'registry:share', events: 1, actor: null },
      { subject: 'run_asset', events: 2, actor: null },
    ],
  },
  {
    detection: 'undocumented',
    name: 'what was there before, and documented keys whose value no column can hold',
    events: [
      ...[0, 9].flatMap((days) => [
        ago({ days, seconds: 90 }, 'registry:share', person(2, HOME)),
        ago({ days, seconds: 60 }, 'run:delete', { ...person(2, HOME), run_asset: 7 }),
      ]),
      ago({ seconds: 30 }, 'run:delete', { ...person(2, HOME), response_code: 'oops' }),
    ],
    found: [],
  },
]

export const SCENES: readonly Scene[] = [
  ...[...KEYS, ...READS, ...LOGINS, ...NETWORKS, ...DELETIONS, ...DISABLED],
  ...[...SILENCES, ...ADMINS, ...ACCOUNTS, ...ADDRESSES, ...REJECTS, ...UNDOCUMENTED],
]
