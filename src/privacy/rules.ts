/** The rules of the setting `privacy`, complete and checked. */

import type { PrivacySettings } from '../../schemas/settings.js'
import { NAME_FIELDS } from '../../schemas/tables.js'
import { usageError } from '../errors.js'

export type Rule = 'keep' | 'drop' | 'pseudonym' | 'truncate'

export interface Rules {
  /** By column, for each whose rule is not `keep`. */
  readonly columns: ReadonlyMap<string, Exclude<Rule, 'keep'>>
  readonly keepsExtra: boolean
  /** Whether rejects keep their raw text. */
  readonly keepsRaw: boolean
}

export const NO_RULES: Rules = { columns: new Map(), keepsExtra: true, keepsRaw: true }

const COLUMNS = [...NAME_FIELDS, 'actor_ip'] as const

/**
 * `extra` and the raw text of rejects may contain anything a column contains, so both are dropped once any column has a rule,
 * unless they are explicitly kept.
 *
 * @throws AuditError, exit code 2, when one column would show what another one hides
 */
export function rulesOf(settings: PrivacySettings = {}): Rules {
  const given: Readonly<Record<string, Rule | undefined>> = settings
  const columns = new Map<string, Exclude<Rule, 'keep'>>()
  for (const column of COLUMNS) {
    const rule = given[column] ?? 'keep'
    if (rule !== 'keep') columns.set(column, rule)
  }
  const hidden = ['entity_name', 'project_name'].find((column) => columns.has(column))
  if (hidden !== undefined && !columns.has('artifact_qualified_name')) {
    throw usageError(
      `privacy: artifact_qualified_name is kept and contains what ${hidden} hides`,
      'Set artifact_qualified_name to drop or pseudonym as well.',
    )
  }
  const byDefault = columns.size > 0 ? 'drop' : 'keep'
  return {
    columns,
    keepsExtra: (settings.extra ?? byDefault) === 'keep',
    keepsRaw: (settings.rejects ?? byDefault) === 'keep',
  }
}

export const needsKey = ({ columns }: Rules): boolean => [...columns.values()].includes('pseudonym')

/** The rules as a text, the same for equal rules: `actor_email pseudonym, actor_ip truncate, extra drop`; empty without rules. */
export function inWords({ columns, keepsExtra, keepsRaw }: Rules): string {
  const named = [...columns].map(([column, rule]) => `${column} ${rule}`)
  return [...named, ...(keepsExtra ? [] : ['extra drop']), ...(keepsRaw ? [] : ['rejects drop'])].join(', ')
}
