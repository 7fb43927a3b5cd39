import { z } from 'zod'
import { isWithin } from '../day-digest.js'
import { plural } from '../words.js'
import { detection } from './detection.js'
import { isBeyond, medians, usually } from './medians.js'
import { days, fromMidnight, micros, number, withHistory } from './sql.js'

export const rejectsRising = detection({
  id: 'rejects_rising',
  title: 'Unusually many lines could not become events',
  severity: 'medium',
  why: 'What cannot be read is not searched either: a new format of the server, a damaged file, or someone who forges log lines.',
  normal:
    'Single damaged lines. Run `wandb-audit rejects`: the lines are kept, and can be loaded again once they are repaired.',
  technique: { id: 'T1562.008', name: 'Impair Defenses: Disable or Modify Cloud Logs' },
  parameters: z.strictObject({
    rejects: number(20, 'How many rejects with one reason a UTC day must have, by the time they were loaded.'),
    factor: number(3, 'How many times the median of earlier days with such rejects it must reach.'),
    history_days: days(30, 'How many earlier days the median covers.'),
  }),
  key: ['subject', 'day'],
  historyDays: ({ history_days }) => history_days + 1,
  sql(forms, span, { rejects, factor, history_days }) {
    const whole = fromMidnight(span)
    const byLoad = { ...forms, column: (name: string) => forms.column(name === 'timestamp' ? 'loaded_at' : name) }
    return `
WITH daily AS (
  SELECT reason AS subject, ${forms.utcDay('loaded_at')} AS day, COUNT(*) AS events,
    COUNT(DISTINCT source_document) AS various, MIN(loaded_at) AS started_at, MAX(loaded_at) AS ended_at
  FROM ${forms.table('audit_rejects')}
  WHERE ${isWithin(byLoad, [withHistory(whole, history_days)])}
  GROUP BY reason, ${forms.utcDay('loaded_at')}
), risen AS (
  SELECT * FROM daily WHERE ${forms.microseconds('started_at')} >= ${micros(whole.from)} AND events >= ${rejects}
), ${medians({ daily: 'daily', unusual: 'risen', by: 'subject' })}
SELECT r.started_at, r.ended_at, r.subject, r.day, r.events, r.various, m.usual
FROM risen AS r LEFT JOIN medians AS m ON m.subject = r.subject AND m.day = r.day
WHERE ${isBeyond('r.events', factor, 'm.usual')}`
  },
  what: ({ events, various, usual }) =>
    `${plural(events, 'line')} in ${plural(various ?? 0, 'document')} became rejects in one day; ${usually(usual)}.`,
})
