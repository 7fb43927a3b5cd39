/** Read-only queries, and what is wrong with them, in their author's own text. */

import type { QueryParameters } from '../../src/contract.js'
import { AuditError, usageError } from '../../src/errors.js'
import { indexOfCharacter, missingParameter, pointedAt, requireUsed } from '../shared/pointing.js'
import { withoutEnd } from '../shared/statement-end.js'
import { StatementError } from './failures.js'
import { type Namespace, quote } from './namespace.js'

export interface Asked {
  /** One transaction; the result is that of the last statement. */
  readonly sqls: readonly string[]
  /** Turns an error of this transaction into one about the author's text. */
  readonly failure: (error: unknown) => unknown
}

/** What may hold a colon that begins no parameter. */
const TEXTS = /'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g

/** Precedes the author's text in the statement that only explains it. */
const BEFORE = 'EXPLAIN SELECT 1 FROM (\n'

/**
 * Redshift's own parser decides whether the text is one SELECT: nothing else is allowed in parentheses after FROM. If it is
 * not, the transaction ends before the text itself runs. A semicolon inside could end the transaction first.
 *
 * @throws AuditError, exit code 2, when there may be several statements, or a parameter is not one
 */
export function readOnly(id: string, sql: string, parameters: QueryParameters, { schema }: Namespace): Asked {
  const asked = withoutEnd(sql)
  if (asked.includes(';'))
    throw usageError(
      `${id}: a query is one statement, and this has a semicolon in it; nothing was run`,
      'Ask with one SELECT. Inside a text, write chr(59) for a semicolon; leave it out of comments.',
    )
  requireUsed(id, asked, [...parameters.keys()], ':')
  for (const [, name = ''] of asked.replace(TEXTS, ' ').matchAll(/(?<![:\w]):([A-Za-z_]\w*)/g))
    if (!parameters.has(name)) throw missingParameter(id, name, ':')
  for (const [name, value] of parameters) {
    if (value !== '') continue
    throw usageError(`${id}: the parameter ${name} is empty, which Redshift does not accept`, "Write '' in the query.")
  }
  const explained = `${BEFORE}${asked}\n) AS asked`
  return {
    sqls: [`SET search_path TO ${quote(schema)}`, "SET timezone TO 'UTC'", explained, asked],
    failure: (error) => {
      if (!(error instanceof StatementError)) return error
      // With parameters, Redshift counts in a text that the Data API has made of this one.
      if (parameters.size > 0) return pointed(error, asked, null)
      return pointed(error, asked, error.sql === explained ? BEFORE.length : 0)
    },
  }
}

const UNKNOWN = /(?:column|relation|function) "?([\w.]+)"?[^"]* does not exist/

/** @param before how many characters precede the text in the statement; null when they are not known */
function pointed(error: StatementError, asked: string, before: number | null): AuditError {
  const { position } = error
  const at = position === null || before === null ? undefined : indexOfCharacter(asked, position - 1 - before)
  const unknown = UNKNOWN.exec(error.message)?.[1]
  if (at === undefined || at < asked.length) return pointedAt(error, asked, { at, unknown })
  // What Redshift names there is ours.
  const message = error.message.replace(
    /syntax error at (?:or near .*|end of input)/,
    'syntax error at the end of the query',
  )
  const { advice } = error
  const ended = new AuditError(message, { ...(advice === undefined ? {} : { advice }) })
  return pointedAt(ended, asked, { at })
}
