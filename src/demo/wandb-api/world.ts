/** What the stand-in of the W&B API knows: generated events, some of them late, and projects that are renamed. */

import { type MadeEvent, madeDay, withoutNames } from '../made-logs.js'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

export interface World {
  readonly seed: number
  readonly eventsPerDay: number
  /** From this instant on every seventh project is served under a new name, even in old events. */
  readonly renamedAt: Date | null
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
    let index = -1
    for (const event of madeDay(world.seed, day, world.eventsPerDay)) {
      index++
      const at = Date.parse(event.timestamp)
      if (at > view.asOf || at >= view.to) break
      if (at < view.from || at + latenessMs(index) > view.asOf) continue
      yield JSON.stringify(view.anonymize ? withoutNames(event) : named(world, view.asOf, event))
    }
  }
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
