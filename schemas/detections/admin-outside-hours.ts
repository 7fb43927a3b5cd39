import { z } from 'zod'
import { ACTIONS } from '../actions.js'
import { plural } from '../words.js'
import { detection } from './detection.js'
import { isOutside, TIME_ZONE, WEEKDAYS } from './hours.js'
import { ACTOR, ENTITY, eventsOf, SUCCEEDED } from './sql.js'

const ADMIN = ACTIONS.filter(({ category }) => category === 'admin').map(({ action }) => `'${action}'`)

export const adminOutsideHours = detection({
  id: 'admin_outside_hours',
  title: 'Changes to members or teams outside working hours',
  severity: 'medium',
  why: 'Whoever holds an administrator’s account adds members, roles and teams to keep their access, and does it when nobody looks.',
  normal:
    'Administrators in other time zones, on call, or scripts that follow a directory. Set the hours and the time zone of your ' +
    'administrators; changes that have no actor are left out.',
  technique: { id: 'T1098', name: 'Account Manipulation' },
  parameters: z.strictObject({
    from_hour: z.int().min(0).max(23).default(7).describe('The hour at which work begins.'),
    to_hour: z
      .int()
      .min(1)
      .max(24)
      .default(20)
      .describe('The hour at which it ends; on the next day if that is not later.'),
    days: z.array(z.enum(WEEKDAYS)).default(['mon', 'tue', 'wed', 'thu', 'fri']).describe('The working days.'),
    time_zone: TIME_ZONE.default('UTC').describe('The time zone of these hours, for example Europe/Berlin.'),
  }),
  key: ['actor', 'day'],
  historyDays: () => 0,
  sql(forms, span, hours) {
    const at = forms.column('timestamp')
    const columns = [
      `${forms.utcDay(at)} AS day`,
      `${ACTOR} AS actor`,
      'actor_email',
      'actor_ip',
      `${ENTITY} AS entity`,
      'action',
    ]
    const isOwn = "action = 'user:update' AND user_asset = actor_user_id"
    const isChange = `action IN (${ADMIN.join(', ')}) AND ${SUCCEEDED} AND ${ACTOR} IS NOT NULL`
    return `
WITH changes AS (${eventsOf(forms, span, columns, `${isChange} AND NOT COALESCE(${isOwn}, FALSE)`)}
)
SELECT MIN(${at}) AS started_at, MAX(${at}) AS ended_at, actor, MAX(actor_email) AS actor_email, MAX(actor_ip) AS address,
  MAX(entity) AS entity, MIN(action) AS subject, day, COUNT(*) AS events, COUNT(DISTINCT action) AS various
FROM changes
WHERE ${isOutside('us', span, hours)}
GROUP BY actor, day`
  },
  what: ({ events, various }) =>
    `${plural(events, 'change')} to members, users or teams outside working hours, of ${plural(various ?? 1, 'kind')}.`,
})
