/** Two months of a small company's logs, and an attack that its documented queries must find. */

type Event = Readonly<Record<string, string | number>>

const DAY_MS = 86_400_000
const FIRST = Date.parse('2026-09-01T00:00:00Z')
const DAYS = 60

/** The account that the attack takes over, unused since the first day; another that has no events; and where it comes from. */
export const ATTACKER = { actor_user_id: '900', actor_email: 'dormant@example.com', actor_ip: '203.0.113.99' }
const UNSEEN = { actor_user_id: '901', actor_email: 'unseen@example.com', actor_ip: '203.0.113.98' }

const at = (day: number, seconds: number): string =>
  new Date(FIRST + day * DAY_MS + seconds * 1000).toISOString().replace('.000Z', 'Z')

const people = Array.from({ length: 6 }, (_, i) => ({
  actor_user_id: String(100 + i),
  actor_email: `person${i}@example.com`,
  actor_ip: `10.0.0.${10 + i}`,
}))

/** Ordinary work, with what looks like an attack at first sight: holidays, a forgotten password, a new colleague, a busy service. */
export function work(): Event[] {
  const events: Event[] = [{ timestamp: at(0, 3600), action: 'project:read', ...ATTACKER, actor_ip: '10.0.0.40' }]
  for (let day = 0; day < DAYS; day++) {
    for (const [i, person] of people.entries()) {
      // Three weeks off.
      if (i === 5 && day >= 20 && day < 41) continue
      const start = 8 * 3600 + i * 60
      events.push({ timestamp: at(day, start), action: 'user:login', ...person, response_code: 200 })
      for (let n = 0; n < 20 + ((day * 7 + i * 3) % 25); n++)
        events.push({
          timestamp: at(day, start + 60 + n * 30),
          action: 'artifact:read',
          ...person,
          response_code: 200,
          artifact_asset: n,
        })
      events.push({
        timestamp: at(day, start + 7200),
        action: 'run:delete',
        ...person,
        response_code: 200,
        run_asset: day,
      })
    }
    // A service that reads as much every ten days.
    for (let n = 0; day % 10 === 0 && n < 1200; n++)
      events.push({
        timestamp: at(day, n * 60),
        action: 'artifact:read',
        actor_user_id: '500',
        actor_ip: '10.0.0.5',
        response_code: 200,
        artifact_asset: n % 9,
      })
  }
  const [ada, bob] = people
  // Forgotten passwords, refused without an account.
  for (const n of [0, 1, 2])
    events.push({
      timestamp: at(30, 8 * 3600 - 60 + n * 10),
      action: 'user:login',
      response_code: 401,
      actor_ip: ada?.actor_ip ?? '',
    })
  events.push({
    timestamp: at(41, 9 * 3600),
    action: 'user:create_api_key',
    ...bob,
    response_code: 200,
    user_asset: '101',
  })
  const colleague = { actor_user_id: '300', actor_email: 'new@example.com', actor_ip: '10.0.0.77' }
  events.push({ timestamp: at(45, 7 * 3600), action: 'user:create', ...ada, response_code: 200, user_asset: '300' })
  events.push({ timestamp: at(45, 9 * 3600), action: 'user:login', ...colleague, response_code: 200 })
  events.push({
    timestamp: at(45, 9 * 3600 + 60),
    action: 'user:create_api_key',
    ...colleague,
    response_code: 200,
    user_asset: '300',
  })
  return events
}

/** Tried passwords, a log-in, a key 20 seconds later, 20,000 reads within half an hour, and deletions; a key of another account. */
export function attack(): Event[] {
  const day = DAYS - 2
  const start = 2 * 3600
  const { actor_ip } = ATTACKER
  const ok = { response_code: 200 }
  return [
    ...Array.from({ length: 8 }, (_, n) => ({
      timestamp: at(day, start - 90 + n * 10),
      action: 'user:login',
      actor_ip,
      response_code: 401,
    })),
    { timestamp: at(day, start), action: 'user:login', ...ATTACKER, ...ok },
    {
      timestamp: at(day, start + 20),
      action: 'user:create_api_key',
      ...ATTACKER,
      ...ok,
      user_asset: ATTACKER.actor_user_id,
    },
    ...Array.from({ length: 20_000 }, (_, n) => ({
      timestamp: at(day, start + 40 + Math.floor(n / 12)),
      action: 'artifact:read',
      ...ATTACKER,
      ...ok,
      artifact_asset: n,
    })),
    ...Array.from({ length: 12 }, (_, n) => ({
      timestamp: at(day, start + 1800 + n),
      action: 'artifact:delete',
      ...ATTACKER,
      ...ok,
      artifact_asset: n,
    })),
    { timestamp: at(day, start + 3600), action: 'user:login', ...UNSEEN, ...ok },
    {
      timestamp: at(day, start + 3620),
      action: 'user:create_api_key',
      ...UNSEEN,
      ...ok,
      user_asset: UNSEEN.actor_user_id,
    },
  ]
}
