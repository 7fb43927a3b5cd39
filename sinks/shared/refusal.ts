import { type AuditError, usageError } from '../../src/errors.js'

/** For any text given to `query` that is not exactly one statement, or may do more than read. */
export const notAQuestion = (id: string): AuditError =>
  usageError(
    `${id}: a query is one statement that only reads, and this is not one; nothing was run`,
    "Ask with one SELECT. To change or copy what is there, use the warehouse's own tools.",
  )
