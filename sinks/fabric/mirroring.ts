/** For `doctor`: whether Fabric picks up the files that were published. */

import { MIRRORED_TABLES } from '../../schemas/fabric.js'
import { plural } from '../../schemas/words.js'
import type { Warning } from '../../src/contract.js'
import { numberedFiles, waitingOf } from './publish.js'
import type { Zone } from './zone.js'

/** Fabric looks at least this often. */
const PATIENCE_MS = 3_600_000

export async function mirroringCheck(zone: Zone, signal: AbortSignal): Promise<string | Warning> {
  let waiting = 0
  let since: Date | null = null
  for (const { name } of MIRRORED_TABLES) {
    const found = waitingOf(await numberedFiles(zone, name, signal))
    waiting += found.waiting
    if (found.since !== null && (since === null || found.since < since)) since = found.since
  }
  if (since === null || Date.now() - since.getTime() < PATIENCE_MS)
    return `${plural(waiting, 'file')} waiting for Fabric`
  return {
    warning: `${plural(waiting, 'file')} waiting for Fabric, the oldest since ${since.toISOString()}`,
    cure: 'See the monitor of the mirrored database in Fabric; start its replication if it has stopped.',
  }
}
