/** Which of a batch's rows are written to tables other than audit_events. */

import { newConflicts } from './duckdb-merge.js'

/** SELECTs which of the batch's rows (`added`) to write, given the `known` rows. */
export type Written = (added: string, known: string, key: string) => string

/** Existing rows stay. */
export const MISSING: Written = (added, known, key) => `FROM (${added}) ANTI JOIN (${known}) USING (${key})`

/** The batch's row replaces the existing one. */
export const ALL: Written = (added) => added

/** A conflict keeps the larger number of events. */
export const MORE_EVENTS: Written = newConflicts
