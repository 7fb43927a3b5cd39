/** Ten attacks amid the made logs of an instance: what a detection must find, each in every warehouse. */

import { madeDay } from '../../src/demo/made-logs.js'
import { ago, type SceneEvent } from './scenes.js'

const DAY = 86_400_000

/** A name that means something to SQL, HTML, Slack, a terminal and a spreadsheet. */
export const HOSTILE = `=HYPERLINK("x")'; DROP TABLE audit_events;--<!channel> <b>&\u001b[31m\u202e`

type Who = Readonly<Record<string, string | number>>
const who = (id: number, address: string, name = `user${id}@example.com`): Who => ({
  actor_user_id: id,
  actor_ip: address,
  actor_email: name,
})
const many = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n))
const DORMANT = who(9001, '10.200.0.1')
const THIEF = '203.0.113.66'

/** @param reads how many artifacts the thief of the first attack reads */
export const attacks = (
  reads: number,
): Readonly<Record<string, { readonly detections: readonly string[]; readonly events: readonly SceneEvent[] }>> => ({
  'a dormant account logs in, makes a key 20 s later and reads all artifacts': {
    detections: ['key_after_suspicious_login', 'heavy_artifact_reads'],
    events: [
      ago({ days: 40 }, 'project:read', DORMANT),
      ago({ seconds: 20_100 }, 'user:login', DORMANT),
      ago({ seconds: 20_080 }, 'user:create_api_key', DORMANT),
      ...many(reads, (n) =>
        ago({ seconds: 20_000 - Math.floor((n * 20_000) / reads) }, 'artifact:read', { ...DORMANT, artifact_asset: n }),
      ),
    ],
  },
  'a stolen session makes a key from another network': {
    detections: ['key_after_suspicious_login', 'new_network'],
    events: [
      ago({ days: 20 }, 'project:read', who(9002, '10.200.0.2')),
      ago({ days: 1 }, 'project:read', who(9002, '10.200.0.2')),
      ago({ seconds: 900 }, 'project:read', who(9002, THIEF)),
      ago({ seconds: 800 }, 'user:create_api_key', who(9002, THIEF)),
    ],
  },
  'passwords are tried on many accounts, which the refused log-ins do not name': {
    detections: ['login_after_refusals'],
    events: [
      ...many(40, (n) =>
        ago({ seconds: 1000 + n * 5 }, 'user:login', { actor_ip: '198.51.100.7', response_code: 401 }),
      ),
      ago({ seconds: 990 }, 'user:login', who(9003, '198.51.100.7')),
    ],
  },
  'one account is tried from a botnet': {
    detections: ['login_after_refusals'],
    events: [
      ...many(20, (n) =>
        ago({ seconds: 1000 + n * 30 }, 'user:login', {
          actor_ip: `192.0.2.${n}`,
          user_asset: 9004,
          response_code: 403,
        }),
      ),
      ago({ seconds: 990 }, 'user:login', who(9004, '192.0.2.99')),
    ],
  },
  'somebody deletes all they can': {
    detections: ['deletion_burst'],
    events: many(80, (n) =>
      ago({ seconds: 3000 + n }, 'run:delete', { ...who(9005, '10.200.0.5', HOSTILE), project_asset: n }),
    ),
  },
  'the key of somebody who left is still in use': {
    detections: ['disabled_user_active'],
    events: [
      ago({ days: 30 }, 'user:deactivate', { ...who(9000, '10.200.0.9'), user_asset: 9006 }),
      ago({ days: 1 }, 'artifact:read', { ...who(9006, THIEF), entity_name: HOSTILE }),
    ],
  },
  'an account for a machine is made and given a team': {
    detections: ['service_account_created'],
    events: [
      ago({ days: 1 }, 'team:create_service_account', {
        ...who(9007, '10.200.0.7'),
        user_email: HOSTILE,
        user_asset: 9107,
        entity_name: HOSTILE,
      }),
    ],
  },
  'an administrator is made at night': {
    detections: ['admin_outside_hours'],
    events: [
      ago({ seconds: 10 * 3600 }, 'organization:update_member', { ...who(9008, '10.200.0.8'), user_asset: 9108 }),
    ],
  },
  'many stolen keys are used from one machine': {
    detections: ['shared_address'],
    events: many(25, (n) => ago({ seconds: 5000 + n * 7 }, 'artifact:read', who(9200 + n, '203.0.113.200'))),
  },
  'an action is used that nobody knows': {
    detections: ['undocumented'],
    events: [ago({ seconds: 60 }, `${HOSTILE}:export`, { ...who(9010, '10.200.0.10'), [`${HOSTILE}_key`]: 'x' })],
  },
})

/** The days of work before NOW, in which nothing happens that a detection of high severity looks for. */
export function* quietDays(now: number, days: number, eventsPerDay: number): Generator<SceneEvent> {
  for (let day = now - days * DAY; day <= now; day += DAY) {
    for (const event of madeDay(1, day, eventsPerDay)) if (Date.parse(event.timestamp) < now) yield event as SceneEvent
  }
}
