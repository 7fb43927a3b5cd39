/** Which detections a check runs, and with which parameters. */

import { type Detection, SEVERITIES, type Severity } from '../../schemas/detections/detection.js'
import { DETECTIONS } from '../../schemas/detections/index.js'
import type { Settings } from '../../schemas/settings.js'
import { printable, usageError } from '../errors.js'
import type { Chosen } from './detect.js'

interface Choice {
  /** The ids of the detections; absent for all. */
  readonly ids?: readonly string[] | undefined
  /** The least severity; absent for all. */
  readonly severity?: Severity
}

/**
 * All detections that are not switched off in the settings, or those that are named.
 *
 * @throws AuditError, exit code 2, when there is no detection of a name
 */
export function chosenDetections(settings: Settings['detections'], { ids, severity = 'low' }: Choice = {}): Chosen[] {
  for (const id of ids ?? []) {
    if (!DETECTIONS.some((detection) => detection.id === id))
      throw usageError(
        `there is no detection ${printable(id)}`,
        `There are ${DETECTIONS.map((detection) => detection.id).join(', ')}.`,
      )
  }
  const given = new Map(Object.entries(settings ?? {}))
  return DETECTIONS.flatMap((detection: Detection) => {
    const { enabled, ...parameters } = given.get(detection.id) ?? {}
    const isWanted = ids === undefined ? enabled !== false : ids.includes(detection.id)
    const isSevere = SEVERITIES.indexOf(detection.severity) >= SEVERITIES.indexOf(severity)
    return isWanted && isSevere ? [{ detection, parameters }] : []
  })
}
