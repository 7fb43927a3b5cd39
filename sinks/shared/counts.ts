import type { Batch, LoadCounts } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'

/** The outcome of a batch's events. */
export type EventCounts = Omit<LoadCounts, 'read' | 'rejected'>

/** The outcome of all parts of a batch. */
export function totalCounts(parts: readonly EventCounts[]): EventCounts {
  const sum = (count: keyof EventCounts): number => parts.reduce((so, each) => so + each[count], 0)
  return {
    inserted: sum('inserted'),
    enriched: sum('enriched'),
    unchanged: sum('unchanged'),
    conflicts: sum('conflicts'),
  }
}

/**
 * Proves the counts of a load: every line read is inserted, enriched, unchanged or rejected.
 *
 * Must be called before the commit.
 *
 * @throws AuditError when they do not add up
 */
export function provenCounts(batch: Batch, events: EventCounts): LoadCounts {
  const { inserted, enriched, unchanged, conflicts } = events
  const accounted = inserted + enriched + unchanged + batch.rejected
  if (accounted !== batch.rowsRead || unchanged < 0) {
    throw new AuditError(
      `${batch.rowsRead} lines were read and ${accounted} are accounted for (${inserted} inserted, ${enriched} enriched, ${unchanged} unchanged, ${batch.rejected} rejected); nothing is loaded`,
      { advice: 'This is a fault of wandb-audit: please report it.' },
    )
  }
  return { read: batch.rowsRead, inserted, enriched, unchanged, rejected: batch.rejected, conflicts }
}
