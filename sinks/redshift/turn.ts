/** Loads take turns: how long one may wait for another, and what is said of it. */

import type { DescribeStatementCommandOutput } from '@aws-sdk/client-redshift-data'
import { AuditError } from '../../src/errors.js'
import { AUDIT_LOCK, type Namespace, tableOf } from './namespace.js'

/** All in milliseconds, but for what the service counts in seconds. */
export interface TurnTiming {
  /** When it is said that a load waits. */
  readonly warnMs: number
  /** When a load that still waits is given up. */
  readonly limitMs: number
  /** How long a look at a running statement may take. */
  readonly lookSeconds: number
}

/** A batch is merged in minutes, and several runs may stand in line. */
export const TURN_TIMING: TurnTiming = { warnMs: 30_000, limitMs: 1_800_000, lookSeconds: 20 }

export interface Turn {
  /** Aborted when the wait is over, or what the load itself listens to is. */
  readonly signal: AbortSignal
  /** Of a load that still runs. */
  onRunning(described: DescribeStatementCommandOutput): void
  /** Set when the wait was over. */
  readonly timeout: AuditError | null
}

/** @param onNotice takes what an operator wants to know, once */
export function turn(
  id: string,
  place: Namespace,
  { warnMs, limitMs }: TurnTiming,
  signal: AbortSignal,
  onNotice: (text: string) => void,
): Turn {
  const table = tableOf(place, AUDIT_LOCK)
  const over = new AbortController()
  const begin = performance.now()
  let warned = false
  let timeout: AuditError | null = null
  return {
    signal: AbortSignal.any([signal, over.signal]),
    get timeout() {
      return timeout
    },
    onRunning({ Id, SubStatements }) {
      const [lock] = SubStatements ?? []
      if (lock?.Status !== 'STARTED') return
      const waited = performance.now() - begin
      if (waited >= warnMs && !warned) {
        warned = true
        onNotice(`${id}: waiting for ${table}, which another load or a transaction that was left open holds`)
      }
      if (waited < limitMs || timeout !== null) return
      timeout = new AuditError(
        `${id}: loading waited ${Math.round(waited / 60_000)} minutes for ${table} and was stopped (statement ${Id}); nothing is changed`,
        {
          advice:
            'Another load is at work, or somebody reads that table in a transaction that was left open: ' +
            `SELECT pid, txn_owner FROM svv_transactions WHERE relation = '${table.replaceAll('"', '')}'::regclass tells who, and pg_terminate_backend(pid) ends it.`,
          outside: true,
        },
      )
      over.abort()
    },
  }
}
