import { z } from 'zod'
import { ACTIONS } from '../actions.js'
import { isWithin } from '../day-digest.js'
import { RECORD_FIELDS } from '../tables.js'
import { plural } from '../words.js'
import { detection } from './detection.js'
import { days, eventsOf, isIn, withHistory } from './sql.js'

const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ')

export const undocumented = detection({
  id: 'undocumented',
  title: 'An action or key that W&B does not document',
  severity: 'low',
  why: 'The logs contain something new, which no query looks at yet; or someone is forging log lines.',
  normal: 'An upgrade of the server. Read its release notes, and look at the events: all of their values are kept.',
  technique: null,
  parameters: z.strictObject({
    history_days: days(30, 'How far back actions and keys are remembered.'),
  }),
  key: ['kind', 'subject', 'day'],
  historyDays: ({ history_days }) => history_days,
  sql(forms, span, { history_days }) {
    const at = forms.column('timestamp')
    const history = withHistory(span, history_days)
    const isUnknown = `action NOT IN (${list(ACTIONS.map(({ action }) => action))})`
    const extras = `(SELECT ${at}, extra FROM ${forms.table('audit_events')} WHERE ${isWithin(forms, [history])} AND extra IS NOT NULL) AS recent`
    return `
WITH unknown AS (
  SELECT 1 AS kind, action AS subject, ${at}, us FROM (${eventsOf(forms, history, ['action'], isUnknown)}
  ) AS actions
  UNION ALL
  SELECT 2 AS kind, key AS subject, ${at}, ${forms.microseconds(at)} AS us FROM (
    ${forms.keys(extras, 'extra')}
  ) AS kept WHERE key NOT IN (${list(RECORD_FIELDS)})
), grouped AS (
  SELECT kind, subject, MIN(us) AS us, MIN(${at}) AS started_at, MAX(${at}) AS ended_at, COUNT(*) AS events
  FROM unknown GROUP BY kind, subject
)
SELECT started_at, ended_at, kind, kind AS various, subject, ${forms.utcDay('started_at')} AS day, events
FROM grouped WHERE ${isIn(span)}`
  },
  what: ({ events, various }) =>
    `An undocumented ${various === 2 ? 'key' : 'action'} appeared in ${plural(events, 'event')}.`,
})
