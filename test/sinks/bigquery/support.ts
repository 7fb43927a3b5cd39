/** A sink over a stand-in, with pauses that make no test slow. */

import { afterAll } from 'vitest'
import { CLOCK } from '../../../sinks/bigquery/conflicts.js'
import { bigquerySink } from '../../../sinks/bigquery/index.js'
import type { Timing } from '../../../sinks/bigquery/request.js'
import type { Sink } from '../../../src/contract.js'
import { type StandIn, type StandInOptions, startBigQuery } from '../../emulators/bigquery/server.js'
import { never } from '../../support/load.js'

export const TIMING: Timing = {
  retries: 6,
  pauseMs: 2,
  pollMs: 2,
  limitMs: 60_000,
  cancelMs: 60_000,
  conflicts: { firstMs: 2, mostMs: 20 },
  clock: CLOCK,
}

const started: StandIn[] = []
afterAll(async () => {
  for (const standIn of started) await standIn.close()
})

export interface Place {
  readonly standIn: StandIn
  /** What the sinks had to tell. */
  readonly notices: string[]
  /** A sink on `audit`, with further options of the address: `labels=a:b`. */
  open(options?: string, timing?: Partial<Timing>, signal?: AbortSignal): Sink
}

/** Closed after the tests of the file. */
export async function newPlace(options: StandInOptions = {}): Promise<Place> {
  const standIn = await startBigQuery(options)
  started.push(standIn)
  const notices: string[] = []
  return {
    standIn,
    notices,
    open: (further = '', timing = {}, signal = never) => {
      const address = `bigquery://${standIn.project}/audit?endpoint=${standIn.url}${further === '' ? '' : `&${further}`}`
      return bigquerySink(address, { signal, onNotice: (text) => notices.push(text) }, { ...TIMING, ...timing })
    },
  }
}
