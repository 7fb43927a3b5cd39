/** An attack for `check` to find in the demo: guessed log-ins until one works, then a new API key, then every artifact read. */

import type { MadeEvent } from './made-logs.js'

const MINUTE_MS = 60_000
/** At night, when nobody is watching. */
const BEGINS_MS = (3 * 60 + 12) * MINUTE_MS
const REFUSED = 12
const READS = 6000
/** Two hours of reading. */
const READ_EACH_MS = 1200

const ADDRESS = '203.0.113.66'
const ACTOR = { actor_user_id: 1042, actor_email: 'frances.dijkstra42@example.com', actor_ip: ADDRESS }

/**
 * The events of the incident, oldest first, with names.
 *
 * @param day midnight of its UTC day, in milliseconds since 1970
 */
export function* incidentOn(day: number): Generator<MadeEvent> {
  const begins = day + BEGINS_MS
  const at = (ms: number): string => new Date(begins + ms).toISOString().replace(/\.\d+Z$/, 'Z')
  for (let n = 0; n < REFUSED; n++)
    yield { timestamp: at(n * 15_000), action: 'user:login', response_code: 401, actor_ip: ADDRESS }
  yield { timestamp: at(4 * MINUTE_MS), action: 'user:login', response_code: 200, ...ACTOR }
  const key = { user_asset: ACTOR.actor_user_id, user_email: ACTOR.actor_email }
  yield { timestamp: at(4 * MINUTE_MS + 20_000), action: 'user:create_api_key', response_code: 200, ...ACTOR, ...key }
  for (let n = 0; n < READS; n++)
    yield {
      timestamp: at(6 * MINUTE_MS + n * READ_EACH_MS),
      action: 'artifact:read',
      response_code: 200,
      ...ACTOR,
      artifact_asset: 5_000_000 + n,
      cli_version: '0.21.0',
    }
}
