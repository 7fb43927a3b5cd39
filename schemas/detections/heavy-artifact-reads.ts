import { z } from 'zod'
import { plural } from '../words.js'
import { detection } from './detection.js'
import { isBeyond, medians, usually } from './medians.js'
import { ACTOR, days, eventsOf, fromMidnight, micros, number, SUCCEEDED, withHistory } from './sql.js'

export const heavyArtifactReads = detection({
  id: 'heavy_artifact_reads',
  title: "Artifact reads far beyond the actor's own median",
  severity: 'high',
  why: 'Models and datasets leave as artifact reads. A thief takes in hours what the account has read in months.',
  normal:
    'The first day of a training job or of a new service account that reads much every day: it is reported once, and is usual from ' +
    'the next day on. Check whether the address is one of your machines.',
  technique: { id: 'T1213', name: 'Data from Information Repositories' },
  parameters: z.strictObject({
    reads: number(1000, 'How many reads a UTC day must have at least.'),
    factor: number(10, "How many times the median of the actor's earlier days with reads it must reach."),
    history_days: days(30, 'How many earlier days the median covers.'),
  }),
  key: ['actor', 'day'],
  historyDays: ({ history_days }) => history_days + 1,
  sql(forms, span, { reads, factor, history_days }) {
    const at = forms.column('timestamp')
    const whole = fromMidnight(span)
    const columns = [`${forms.utcDay(at)} AS day`, `${ACTOR} AS actor`, 'actor_email', 'actor_ip', 'artifact_asset']
    const isRead = `action = 'artifact:read' AND ${SUCCEEDED} AND ${ACTOR} IS NOT NULL`
    return `
WITH reads AS (${eventsOf(forms, withHistory(whole, history_days), columns, isRead)}
), daily AS (
  SELECT actor, day, COUNT(*) AS events, MIN(us) AS us FROM reads GROUP BY actor, day
), heavy AS (
  SELECT actor, day, events FROM daily WHERE us >= ${micros(whole.from)} AND events >= ${reads}
), ${medians({ daily: 'daily', unusual: 'heavy', by: 'actor' })}
SELECT MIN(r.${at}) AS started_at, MAX(r.${at}) AS ended_at, h.actor, MAX(r.actor_email) AS actor_email, MAX(r.actor_ip) AS address,
  h.day, MAX(h.events) AS events, MAX(m.usual) AS usual, COUNT(DISTINCT r.artifact_asset) AS various
FROM heavy AS h
JOIN reads AS r ON r.actor = h.actor AND r.day = h.day
LEFT JOIN medians AS m ON m.actor = h.actor AND m.day = h.day
GROUP BY h.actor, h.day
HAVING ${isBeyond('MAX(h.events)', factor, 'MAX(m.usual)')}`
  },
  what: ({ events, usual, various }) =>
    `${plural(events, 'artifact read')} in one day, of ${plural(various ?? 0, 'artifact')}; ${usually(usual)}.`,
})
