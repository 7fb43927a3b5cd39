/** Loads take turns: how long one may wait for another, and what it reports meanwhile. */

import type { DescribeStatementCommandOutput } from '@aws-sdk/client-redshift-data'
import { AuditError } from '../../src/errors.js'
import { AUDIT_LOCK, type Namespace, tableOf } from './namespace.js'

/** In milliseconds, except where the service counts seconds. */
export interface TurnTiming {
  /** After how long a load reports that it waits. */
  readonly warnMs: number
  /** After how long a load gives up waiting. */
  readonly limitMs: number
  /** How long one look at a running statement may take. */
  readonly lookSeconds: number
}

/** A merge takes minutes, and several runs may wait in line. */
export const TURN_TIMING: TurnTiming = { warnMs: 30_000, limitMs: 1_800_000, lookSeconds: 20 }

export interface Turn {
  /** Aborted when the wait has taken too long, or the load's own signal is aborted. */
  readonly signal: AbortSignal
  /** Takes the description of a load that still runs. */
  onRunning(described: DescribeStatementCommandOutput): void
  /** Set when the wait has taken too long. */
  readonly timeout: AuditError | null
}

/** @param onNotice told once that the load waits */
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
            `SELECT pid, txn_owner FROM svv_transactions WHERE relation = '${table.replaceAll('"', '')}'::regclass shows who, and pg_terminate_backend(pid) ends it.`,
          outside: true,
        },
      )
      over.abort()
    },
  }
}
