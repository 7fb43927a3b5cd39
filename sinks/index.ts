/** Sink addresses to sinks. A warehouse's client loads only when its sink is used. */

import type { Sink } from '../src/contract.js'
import { printable, usageError } from '../src/errors.js'
import type { LockOptions } from './duckdb/lock.js'

/** @throws AuditError, exit code 2, when no sink has such an address */
export async function openSink(address: string, lock: LockOptions): Promise<Sink> {
  if (address.startsWith('duckdb:')) {
    const { duckdbSink } = await import('./duckdb/index.js')
    return duckdbSink(address.slice('duckdb:'.length), lock)
  }
  throw usageError(
    `no sink has an address like ${printable(address)}`,
    'Sinks so far: duckdb:FILE, for example duckdb:audit.duckdb.',
  )
}
