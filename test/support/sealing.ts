/** Seals an archive with the real pipeline. */

import { join } from 'node:path'
import type { ArchivePlace } from '../../src/archive/archive.js'
import { type CheckOptions, checkSeals, type SealReport } from '../../src/archive/check-seals.js'
import type { NewSeal, Sealing } from '../../src/archive/sealing.js'
import { Tally } from '../../src/archive/tally.js'
import { sealAll } from '../../src/archive/unsealed.js'
import type { AuditError } from '../../src/errors.js'
import type { Engine } from '../../src/transform/engine.js'
import { loadInto, never, newFolder, sharedEngine } from './load.js'

export const OPEN_DAY = '2026-10-03'
/** When what the tests archive now was archived days ago. */
const LATER = new Date('2100-01-01T00:00:00Z')

export async function sealingOf(place: ArchivePlace, options: Partial<Sealing>, own?: Engine): Promise<Sealing> {
  const engine = own ?? (await sharedEngine())
  return {
    ...{ place, noted: null, signKey: null, retainMs: null, openDay: OPEN_DAY, concurrency: 4, signal: never },
    now: () => new Date('2026-10-03T02:00:00Z'),
    onSealed: async () => {},
    async count(source) {
      const tally = new Tally(join(newFolder(), 'tally'))
      await loadInto(tally, { sources: [source] }, { engine })
      return tally.counted(engine.connection)
    },
    ...options,
  }
}

export interface Sealed {
  readonly seals: readonly NewSeal[]
  readonly errors: readonly AuditError[]
}

/** What `wandb-audit seal` does. @param engine its own, if several seal at once */
export async function sealArchive(
  place: ArchivePlace,
  options: Partial<Sealing> = {},
  engine?: Engine,
): Promise<Sealed> {
  const seals: NewSeal[] = []
  const errors: AuditError[] = []
  const sealing = await sealingOf(place, { onSealed: async (seal) => void seals.push(seal), ...options }, engine)
  await sealAll(sealing, (error) => errors.push(error))
  return { seals, errors }
}

export const checkArchive = (place: ArchivePlace, options: Partial<CheckOptions> = {}): Promise<SealReport> =>
  checkSeals(place, {
    ...{ publicKeys: [], anchors: [], openDay: OPEN_DAY, now: LATER, concurrency: 4, signal: never },
    ...options,
  })

/** `kind source day ×count` of each finding, to compare in one line. */
export const findingsOf = ({ findings }: SealReport): readonly string[] =>
  findings.map(({ kind, source, day, count }) => `${kind} ${source} ${day} ×${count}`)
