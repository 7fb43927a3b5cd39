/** What erasing takes here beyond the other warehouses: the texts of long extras are in a table of their own. */

import type { Erasure, PersonalQuestions } from '../../src/contract.js'
import { questions } from '../shared/questions.js'
import { redshiftSql } from './forms.js'
import { AUDIT_PARTS, literal, type Namespace, tableOf } from './namespace.js'

const IDS_A_STATEMENT = 500

export const personal = (place: Namespace): PersonalQuestions => ({
  ...questions(redshiftSql(place)).personal,
  parts: `SELECT "id", "part", "text" FROM ${tableOf(place, AUDIT_PARTS)} ORDER BY "id", "part"`,
})

export function erasedParts(place: Namespace, { parts }: Erasure): string[] {
  const ids = [...parts]
  return Array.from({ length: Math.ceil(ids.length / IDS_A_STATEMENT) }, (_, i) => {
    const some = ids.slice(i * IDS_A_STATEMENT, (i + 1) * IDS_A_STATEMENT).map(literal)
    return `DELETE FROM ${tableOf(place, AUDIT_PARTS)} WHERE "id" IN (${some.join(', ')})`
  })
}
