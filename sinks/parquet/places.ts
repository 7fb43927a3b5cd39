/** Which rows of a lake lie in the file of another partition. */

import { eventPlaces, misplacedIn, placesOf } from '../shared/file-places.js'
import type { FileRelation } from '../shared/lake-query.js'
import { REJECTS } from './layout.js'

const EVENT_PLACES = eventPlaces('event_date=(\\d{4}-\\d\\d-\\d\\d),[^,]*$')
const REJECT_PLACES = placesOf(REJECTS.table, REJECTS.part, 'reject_id', ',part-([0-9a-f])[^,]*$')

export const PLACES: readonly FileRelation[] = [EVENT_PLACES, REJECT_PLACES]

/** SELECTs what, day and id of each row that lies in the file of another partition; a reject has no day. */
export const MISPLACED = `
  ${misplacedIn(EVENT_PLACES, 'event', 'part')}
  UNION ALL
  ${misplacedIn(REJECT_PLACES, 'reject', 'NULL')}`
