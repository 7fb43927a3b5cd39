/** A version of a table: what its log up to there says. https://github.com/delta-io/delta/blob/master/PROTOCOL.md#action-reconciliation */

import { type Action, type Add, keyIn, type MetaData, type Protocol, type Remove, type Txn } from './actions.js'
import { PARTITION } from './schema.js'

export interface Snapshot {
  /** −1 before the first commit. */
  readonly version: number
  /** Of the newest checkpoint that this was read from; −1 without one. */
  readonly checkpoint: number
  readonly protocol: Protocol | null
  readonly metaData: MetaData | null
  /** By their keys, relative to the table. */
  readonly files: ReadonlyMap<string, Add>
  /** Files that readers of older versions may still need. */
  readonly removed: ReadonlyMap<string, Remove>
  /** By application. */
  readonly txns: ReadonlyMap<string, Txn>
}

export const NOTHING_YET: Snapshot = {
  version: -1,
  checkpoint: -1,
  protocol: null,
  metaData: null,
  files: new Map(),
  removed: new Map(),
  txns: new Map(),
}

/** The snapshot after further commits, each with its actions, in their order. */
export function advanced(who: string, snapshot: Snapshot, commits: readonly (readonly Action[])[]): Snapshot {
  let { version, protocol, metaData } = snapshot
  const [files, removed, txns] = [new Map(snapshot.files), new Map(snapshot.removed), new Map(snapshot.txns)]
  for (const actions of commits) {
    version++
    // The removals first: a commit may remove a file and add it again.
    for (const { remove } of actions) {
      if (remove === undefined || remove === null) continue
      const key = keyIn(who, remove.path)
      files.delete(key)
      removed.set(key, remove)
    }
    for (const { add, ...others } of actions) {
      if (add !== undefined && add !== null) {
        const key = keyIn(who, add.path)
        files.set(key, add)
        removed.delete(key)
      }
      protocol = others.protocol ?? protocol
      metaData = others.metaData ?? metaData
      if (others.txn !== undefined && others.txn !== null) txns.set(others.txn.appId, others.txn)
    }
  }
  return { ...snapshot, version, protocol, metaData, files, removed, txns }
}

/** The partition of a file; null in a table without partitions. */
export const partitionOf = ({ partitionValues }: Pick<Add, 'partitionValues'>): string | null =>
  partitionValues[PARTITION] ?? null
