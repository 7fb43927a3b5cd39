import { z } from 'zod'
import { detection } from './detection.js'
import { ACTOR, ENTITY, eventsOf, SUCCEEDED, TARGET } from './sql.js'

export const serviceAccountCreated = detection({
  id: 'service_account_created',
  title: 'A service account was created',
  severity: 'medium',
  why: 'A service account needs no person, no password and no second factor, and outlives whoever made it.',
  normal: 'Rare, and planned: there should be a ticket that names the team and the purpose.',
  technique: { id: 'T1136.003', name: 'Create Account: Cloud Account' },
  parameters: z.strictObject({}),
  key: ['content_hash'],
  historyDays: () => 0,
  sql(forms, span) {
    const columns = [
      `${ACTOR} AS actor`,
      'actor_email',
      'actor_ip AS address',
      `${ENTITY} AS entity`,
      `${TARGET} AS subject`,
      'content_hash',
    ]
    return `
WITH created AS (${eventsOf(forms, span, columns, `action = 'team:create_service_account' AND ${SUCCEEDED}`)}
)
SELECT ${forms.column('timestamp')} AS started_at, actor, actor_email, address, entity, subject, content_hash, 1 AS events
FROM created`
  },
  what: () => 'A service account was created for a team.',
})
