/** What the stand-in of the W&B API knows: generated events, some of them late, and projects that are renamed. */

import { incidentOn } from '../incident.js'
import { type MadeEvent, madeDay, withoutNames } from '../made-logs.js'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

export interface World {
  readonly seed: number
  readonly eventsPerDay: number
  /** From this instant on every seventh project is served under a new name, even in old events. */
  readonly renamedAt: Date | null
  /** Midnight of the UTC day of an attack, in milliseconds since 1970; none when absent. */
  readonly incidentOn?: number | undefined
}

export interface View {
  /** Half-open, in milliseconds since 1970. */
  readonly from: number
  readonly to: number
  /** The instant of the request: later events are unknown, and so are those still late at that time. */
  readonly asOf: number
  readonly anonymize: boolean
}

/** About one event in a hundred becomes known only 1 to 90 minutes after it happened. */
const latenessMs = (index: number): number => (index % 97 === 13 ? (1 + (index % 90)) * MINUTE_MS : 0)

/** The events of a view as JSON texts, oldest first, generated on demand. */
export function* eventsIn(world: World, view: View): Generator<string> {
  for (let day = Math.floor(view.from / DAY_MS) * DAY_MS; day < view.to && day <= view.asOf; day += DAY_MS) {
    for (const { event, at, knownAt } of dayOf(world, day)) {
      if (at > view.asOf || at >= view.to) break
      if (at < view.from || knownAt > view.asOf) continue
      yield JSON.stringify(view.anonymize ? withoutNames(event) : named(world, view.asOf, event))
    }
  }
}

interface Happened {
  readonly event: MadeEvent
  /** When it happened and when the server knows it, in milliseconds since 1970. */
  readonly at: number
  readonly knownAt: number
}

/** A day's events, oldest first, and among them those of the incident. */
function* dayOf({ seed, eventsPerDay, incidentOn: incident }: World, day: number): Generator<Happened> {
  const attack = incident === day ? incidentOn(day) : null
  let next = attack?.next().value
  let index = -1
  for (const event of madeDay(seed, day, eventsPerDay)) {
    index++
    const at = Date.parse(event.timestamp)
    for (; next && Date.parse(next.timestamp) < at; next = attack?.next().value) yield happened(next, 0)
    yield happened(event, latenessMs(index))
  }
  for (; next; next = attack?.next().value) yield happened(next, 0)
}

function happened(event: MadeEvent, lateMs: number): Happened {
  const at = Date.parse(event.timestamp)
  return { event, at, knownAt: at + lateMs }
}

function named(world: World, asOf: number, event: MadeEvent): MadeEvent {
  const { project_asset: project, project_name: name, artifact_qualified_name: qualified } = event
  const renamed = world.renamedAt !== null && asOf >= world.renamedAt.getTime()
  if (!renamed || typeof project !== 'number' || project % 7 !== 0 || name === undefined) return event
  return {
    ...event,
    project_name: `${name}-renamed`,
    ...(typeof qualified === 'string'
      ? { artifact_qualified_name: qualified.replace(`/${name}/`, `/${name}-renamed/`) }
      : {}),
  }
}
