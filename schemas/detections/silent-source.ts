import { z } from 'zod'
import { inWords } from '../words.js'
import { detection } from './detection.js'
import { days, eventsOf, HOUR, micros, number, seconds, withHistory } from './sql.js'

export const silentSource = detection({
  id: 'silent_source',
  title: 'A source fell silent',
  severity: 'high',
  why:
    'Without events nothing else here can fire. Logging was switched off, deliberately or by an upgrade, or loading stopped. ' +
    'What is not logged is lost for good.',
  normal:
    'Holidays longer than any pause in the weeks before, a source that was replaced by another one, or a server that is gone. Run ' +
    '`wandb-audit status`, and ask the server for its last hour.',
  technique: { id: 'T1562.008', name: 'Impair Defenses: Disable or Modify Cloud Logs' },
  parameters: z.strictObject({
    hours: number(24, 'How long a source must have no events.'),
    active_hours: number(
      24,
      'In how many different hours it must have had events first. Pauses before that are not compared: a single stray event would count as the start of one.',
    ),
    history_days: days(56, 'How far back its longest pause is looked for; a new one must be half as long again.'),
  }),
  key: ['subject', 'started_at'],
  historyDays: ({ history_days }) => history_days,
  sql(forms, span, { hours, active_hours, history_days }) {
    const at = forms.column('timestamp')
    const history = withHistory(span, history_days)
    return `
WITH documents AS (
  SELECT document, MIN(source) AS source FROM ${forms.table('audit_documents')} GROUP BY document
), acts AS (${eventsOf(forms, history, ['source_document'], 'TRUE')}
), by_document AS (
  SELECT source_document, us - MOD(us, ${HOUR}) AS hour, MIN(us) AS first_us, MAX(us) AS last_us, MAX(${at}) AS last_at
  FROM acts GROUP BY source_document, us - MOD(us, ${HOUR})
), by_hour AS (
  SELECT COALESCE(d.source, '(receipt deleted)') AS subject, a.hour,
    MIN(a.first_us) AS first_us, MAX(a.last_us) AS last_us, MAX(a.last_at) AS started_at
  FROM by_document AS a LEFT JOIN documents AS d ON d.document = a.source_document
  GROUP BY COALESCE(d.source, '(receipt deleted)'), a.hour
), pauses AS (
  SELECT subject, hour, started_at,
    COALESCE(LEAD(first_us) OVER (PARTITION BY subject ORDER BY hour), ${micros(span.to)}) AS end_us,
    COALESCE(LEAD(first_us) OVER (PARTITION BY subject ORDER BY hour), ${micros(span.to)}) - last_us AS pause
  FROM by_hour
), numbered AS (
  SELECT subject, hour, started_at, end_us, pause, ROW_NUMBER() OVER (PARTITION BY subject ORDER BY hour) AS active FROM pauses
), compared AS (
  SELECT subject, started_at, end_us, pause, active,
    COALESCE(MAX(CASE WHEN active >= ${active_hours} THEN pause END)
      OVER (PARTITION BY subject ORDER BY hour ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS longest
  FROM numbered
)
SELECT subject, started_at, 0 AS events, ${seconds('pause')} AS seconds, ${seconds('longest')} AS usual
FROM compared
WHERE end_us > ${micros(span.from)} AND pause >= ${hours * HOUR} AND active >= ${active_hours} AND 2 * pause >= 3 * longest`
  },
  what: ({ seconds, usual }) =>
    `No events for ${inWords(seconds ?? 0)}; ${
      usual === null || usual === 0 ? 'there was no pause before' : `the longest pause before was ${inWords(usual)}`
    }.`,
})
