/**
 * Transactions at once, on an engine that has one session. Each is run as a whole on the state that it sees, its snapshot; what
 * it changed is taken down and undone; and at its commit that is put in, unless it conflicts with what was committed since. Locks
 * are waited for in between. So reads and writes are PostgreSQL's own; simulated are only which state is read, who waits and who
 * conflicts, by the two isolation levels that Redshift documents:
 * https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
 *
 * - SNAPSHOT: of two that change the same row, the second one to commit fails; rows that both insert are nobody's conflict.
 * - SERIALIZABLE: beside that, of two that each read a table that the other writes, the second one to commit fails.
 *
 * When a snapshot is taken, at BEGIN or at the first statement after LOCK, is left to chance. Not simulated: that writers wait for
 * each other's tables, which takes interleavings away, and cycles of three.
 */

import type { Engine, RowChanges } from './engine.js'
import { RedshiftError } from './refusals.js'

export type Isolation = 'snapshot' | 'serializable'

export interface Interleaving {
  readonly isolation: Isolation
  /** Of [0, 1): chooses who takes the next step, and when snapshots are taken. */
  random(): number
  /** So many transactions have to be there before the first step is taken. */
  readonly atOnce: number
}

interface Tables {
  readonly locked: ReadonlySet<string>
  readonly read: ReadonlySet<string>
  readonly written: ReadonlySet<string>
}

interface Transaction {
  readonly tables: Tables
  /** Runs the statements on the state there is; the changes are not kept. */
  work(): Promise<RowChanges>
  end(error?: RedshiftError): Promise<void>
  readonly snapshotFirst: boolean
  holdsLock: boolean
  changes: RowChanges | null
  /** How many commits its snapshot has. */
  sees: number
}

const NAME = /"\w+"\."\w+"/g
const WRITTEN = /\b(?:INSERT INTO|UPDATE|DELETE FROM) ("\w+"\."\w+")/g
const namesIn = (sql: string, pattern: RegExp): string[] =>
  [...sql.matchAll(pattern)].map((found) => found[1] ?? found[0])

export function tablesOf(sqls: readonly string[]): Tables {
  const isLock = (sql: string): boolean => /^\s*LOCK\b/i.test(sql)
  const others = sqls.filter((sql) => !isLock(sql))
  return {
    locked: new Set(sqls.filter(isLock).flatMap((sql) => namesIn(sql, NAME))),
    written: new Set(others.flatMap((sql) => namesIn(sql, WRITTEN))),
    read: new Set(others.flatMap((sql) => namesIn(sql.replace(/\bINSERT INTO "\w+"\."\w+"/g, ''), NAME))),
  }
}

export const violation = (): RedshiftError =>
  new RedshiftError(
    '1023\n  DETAIL:  Serializable isolation violation on table - 107568, transactions forming the cycle are: 1, 2',
  )

const meet = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean => [...one].some((name) => other.has(name))

export function interleaver(engine: Engine, isRead: (table: string) => boolean) {
  const active = new Set<Transaction>()
  const commits: Tables[] = []
  let options: Interleaving | null = null
  let stepping: Promise<void> = Promise.resolve()
  let started = false

  const mayLock = ({ tables }: Transaction): boolean =>
    ![...tables.locked].some(isRead) &&
    ![...active].some((other) => other.holdsLock && meet(tables.locked, other.tables.locked))

  async function work(transaction: Transaction): Promise<void> {
    transaction.sees = commits.length
    transaction.changes = await transaction.work()
  }

  async function commit(transaction: Transaction, isolation: Isolation): Promise<void> {
    const { tables, changes, sees } = transaction
    const since = commits.slice(sees)
    const isCycle = since.some(({ read, written }) => meet(tables.read, written) && meet(read, tables.written))
    if (isolation === 'serializable' && isCycle) throw violation()
    if (changes !== null && !(await engine.apply(changes))) throw violation()
    if (tables.written.size > 0) commits.push(tables)
  }

  /** One step of one transaction: its snapshot, its lock, or its end. */
  async function step(transaction: Transaction, { isolation }: Interleaving): Promise<void> {
    try {
      if (transaction.changes === null && transaction.snapshotFirst) return await work(transaction)
      if (!transaction.holdsLock) {
        transaction.holdsLock = true
        if (transaction.changes === null) await work(transaction)
        return
      }
      await commit(transaction, isolation)
      active.delete(transaction)
      await transaction.end()
    } catch (error) {
      active.delete(transaction)
      await transaction.end(error instanceof RedshiftError ? error : new RedshiftError(String(error)))
    }
  }

  function go(): void {
    stepping = stepping.then(async () => {
      if (options === null || (!started && active.size < options.atOnce)) return
      started = true
      const ready = [...active].filter(
        (each) => each.holdsLock || (each.snapshotFirst && each.changes === null) || mayLock(each),
      )
      const next = ready[Math.floor(options.random() * ready.length)]
      if (next === undefined) return
      await step(next, options)
      go()
    })
  }

  return {
    get on() {
      return options !== null
    },
    /** Null: one after the other. */
    set(next: Interleaving | null): void {
      options = next
      started = false
      commits.length = 0
    },
    add({ sqls, ...transaction }: Pick<Transaction, 'work' | 'end'> & { readonly sqls: readonly string[] }): void {
      const snapshotFirst = (options?.random() ?? 0) < 0.5
      active.add({ ...transaction, tables: tablesOf(sqls), snapshotFirst, holdsLock: false, changes: null, sees: 0 })
      go()
    },
    /** A reader has gone. */
    look: go,
  }
}
