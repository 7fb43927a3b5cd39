/**
 * Generated but plausible audit logs, so that the demo, the benchmark and the tests need no real ones.
 *
 * Everything follows from a seed, and each UTC day only from the seed and its date, so any window can be generated
 * separately and is the same each time.
 */

import { createHash } from 'node:crypto'
import { ACTIONS } from '../../schemas/actions.js'

const DAY_MS = 86_400_000

/** One generated record, as the API serves it with names. */
export type MadeEvent = {
  timestamp: string
  action: string
} & Partial<Record<string, string | number>>

/** The keys that only the API without `anonymize` serves. */
const NAME_KEYS = new Set([
  'actor_email',
  'user_email',
  'entity_name',
  'project_name',
  'report_name',
  'artifact_digest',
  'artifact_qualified_name',
])

/** Relative frequencies of actions; an action not listed here has weight 1. */
const WEIGHTS: Readonly<Record<string, number>> = {
  'artifact:read': 260,
  'run:update': 190,
  'project:read': 160,
  'artifact:create': 110,
  'user:read': 60,
  'report:read': 50,
  'run:update_many': 30,
  'user:login': 25,
  'user:initiate_login': 25,
  'user:logout': 15,
  'run:stop': 12,
  'run:delete': 10,
  'sweep:create_agent': 10,
  'artifact:delete': 6,
  'user:create_api_key': 3,
}

/** Mulberry32, a small generator that can be seeded, unlike `Math.random`. Returns numbers in [0, 1). */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const cumulative = ACTIONS.reduce<number[]>((sums, { action }) => {
  sums.push((sums.at(-1) ?? 0) + (WEIGHTS[action] ?? 1))
  return sums
}, [])

function pickAction(at: number): string {
  const target = at * (cumulative.at(-1) ?? 0)
  return ACTIONS[cumulative.findIndex((sum) => target < sum)]?.action ?? 'user:read'
}

const FIRST = [
  'ada',
  'alan',
  'barbara',
  'claude',
  'donald',
  'edsger',
  'frances',
  'grace',
  'hedy',
  'john',
  'katherine',
  'leslie',
  'margaret',
  'niklaus',
  'radia',
  'shafi',
  'tim',
  'tony',
]
const LAST = [
  'allen',
  'berners',
  'dijkstra',
  'goldwasser',
  'hamilton',
  'hoare',
  'hopper',
  'johnson',
  'knuth',
  'lamarr',
  'lamport',
  'liskov',
  'lovelace',
  'neumann',
  'perlman',
  'shannon',
  'turing',
  'wirth',
]
const TEAMS = ['vision', 'speech', 'ranking', 'robotics', 'forecasting', 'platform', 'safety', 'research']
const TOPICS = [
  'baseline',
  'ablation',
  'finetune',
  'pretrain',
  'distill',
  'eval',
  'sweep',
  'prod',
  'tokenizer',
  'reward',
]
const KINDS = ['model', 'dataset', 'checkpoint', 'run-table', 'predictions']

const emailOf = (user: number): string =>
  `${FIRST[user % FIRST.length]}.${LAST[Math.floor(user / FIRST.length) % LAST.length]}${user}@example.com`
const teamOf = (entity: number): string => `${TEAMS[entity % TEAMS.length]}-${entity}`
const projectOf = (project: number): string => `${TOPICS[project % TOPICS.length]}-${project}`
const digestOf = (artifact: number): string => createHash('md5').update(`artifact ${artifact}`).digest('hex')

/**
 * The events of one UTC day, oldest first, with names.
 *
 * @param seed  identifies the generated world
 * @param day   any instant within the day, in milliseconds since 1970
 * @param count how many; about one in a thousand repeats the event before it exactly, as happens in real logs
 */
export function* madeDay(seed: number, day: number, count: number): Generator<MadeEvent> {
  const start = Math.floor(day / DAY_MS) * DAY_MS
  const next = random(Math.imul(seed, 0x9e3779b1) ^ (start / DAY_MS))
  const integer = (below: number): number => Math.floor(next() * below)
  let previous: MadeEvent | undefined
  for (let i = 0; i < count; i++) {
    if (previous !== undefined && next() < 0.001) {
      yield { ...previous }
      continue
    }
    const second = start + Math.floor((i * 86_400) / count) * 1000
    previous = madeEvent(
      new Date(second).toISOString().replace('.000Z', 'Z'),
      i < ACTIONS.length ? (ACTIONS[i]?.action ?? '') : pickAction(next()),
      integer,
    )
    yield previous
  }
}

/** Done to users who no longer act. */
const LEAVING = new Set(['user:deactivate', 'user:permanently_delete'])

function madeEvent(timestamp: string, action: string, integer: (below: number) => number): MadeEvent {
  const user = integer(400)
  const entity = user % 24
  const object = action.slice(0, action.indexOf(':'))
  const fromClient = object === 'artifact' || object === 'run' || object === 'sweep'
  const refused = integer(50) === 0
  const event: MadeEvent = {
    timestamp,
    action,
    actor_user_id: 1000 + user,
    response_code: refused ? ([401, 403, 404, 500][integer(4)] ?? 403) : 200,
  }
  const project = entity * 40 + integer(40)
  if (object === 'artifact') {
    const artifact = integer(200_000)
    Object.assign(event, {
      artifact_asset: 5_000_000 + artifact,
      artifact_sequence_asset: 70_000 + (artifact % 3000),
      artifact_digest: digestOf(artifact),
      artifact_qualified_name: `${teamOf(entity)}/${projectOf(project)}/${KINDS[artifact % KINDS.length]}-${artifact % 3000}:v${artifact % 60}`,
    })
  }
  if (object === 'report')
    Object.assign(event, { report_asset: 9000 + (project % 700), report_name: `Weekly ${projectOf(project)}` })
  if (object !== 'user') Object.assign(event, { entity_asset: 100 + entity, entity_name: teamOf(entity) })
  if (object !== 'user' && object !== 'team' && object !== 'organization')
    Object.assign(event, { project_asset: 2000 + project, project_name: projectOf(project) })
  if (object === 'user' || object === 'team' || object === 'organization') {
    const target = action === 'user:read' || object !== 'user' ? integer(400) : LEAVING.has(action) ? 400 + user : user
    Object.assign(event, { user_asset: 1000 + target, user_email: emailOf(target) })
  }
  if (fromClient) event.cli_version = `0.${17 + (user % 5)}.${integer(4)}`
  event.actor_ip = `10.${user % 32}.${integer(8)}.${user % 250}`
  event.actor_email = emailOf(user)
  return event
}

/** The same event without names, as the bucket and the anonymised API serve it. */
export function withoutNames(event: MadeEvent): MadeEvent {
  return Object.fromEntries(Object.entries(event).filter(([key]) => !NAME_KEYS.has(key))) as MadeEvent
}
