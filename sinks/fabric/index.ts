/** Microsoft Fabric through open mirroring: files in a landing zone in OneLake, which Fabric merges into its tables. */

import type { Sink } from '../../src/contract.js'
import { interruptible } from '../../src/duckdb/connection.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { AuditError } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import { openStore } from '../../src/stores/index.js'
import { probeWrites } from '../../src/stores/probe.js'
import { zonePlace } from './address.js'
import { answer, QUESTIONS, receiptsOf } from './answers.js'
import { explainPause } from './failures.js'
import { type Loaded, localOf, tryLoad } from './load.js'
import { type Manifest, readManifest, replaceManifest } from './manifest.js'
import { mirroringCheck } from './mirroring.js'
import { openZone } from './open.js'
import { publishPending } from './publish.js'
import { OWN, type Zone } from './zone.js'

/** Each lost attempt means that another publisher loaded a batch. */
const ATTEMPTS = 20

export interface FabricOptions {
  /** Ends whatever has no signal of its own. */
  readonly signal: AbortSignal
  onNotice(text: string): void
}

/**
 * @param address `fabric://workspace/mirrored-database`, with `?endpoint=`
 * @throws AuditError, exit code 2, when it is none
 */
export async function fabricSink(address: string, { signal, onNotice }: FabricOptions): Promise<Sink> {
  const { id, place, root } = zonePlace(address)
  const { store } = await openStore(place)
  return fabricSinkOver({ id, store, root, onNotice }, signal)
}

/** The sink over an open store, which it closes. Each notice is reported once. */
export function fabricSinkOver(place: Zone, signal: AbortSignal): Sink {
  const { id } = place
  const reported = new Set<string>()
  const zone: Zone = {
    ...place,
    onNotice(text) {
      if (!reported.has(text)) place.onNotice(text)
      reported.add(text)
    },
  }

  const explained = (error: unknown): never => {
    throw explainPause(id, error)
  }

  /** Reads with the newest manifest; starts over when a file is replaced meanwhile. */
  async function withManifest<T>(read: (manifest: Manifest) => Promise<T | null>): Promise<T | null> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const held = await readManifest(zone, signal).catch(explained)
      const taken = held === null ? null : await read(held.manifest).catch(explained)
      if (held === null || taken !== null) return taken
    }
    throw crowded(id)
  }

  return {
    id,

    prepare: () => openZone(zone, signal),

    async remembered() {
      const held = await readManifest(zone, signal).catch(explained)
      const { privacy = [], journals } = held?.manifest ?? {}
      return {
        records: privacy.map(({ made_at: _, ...record }) => record),
        hasLoads: (journals?.audit_loads ?? []).length > 0,
      }
    },

    async remember(records) {
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const held = await publishPending(zone, signal)
        const known = new Set(held.manifest.privacy.map(({ privacy_id }) => privacy_id))
        const made_at = new Date().toISOString()
        const added = records.filter(({ privacy_id }) => !known.has(privacy_id)).map((each) => ({ ...each, made_at }))
        const next = { ...held.manifest, privacy: [...held.manifest.privacy, ...added] }
        if (added.length === 0 || (await replaceManifest(zone, held, next, signal)) !== null) return
      }
      throw crowded(id)
    },

    async receipts(source) {
      return (await withManifest((manifest) => receiptsOf(zone, manifest, source, signal))) ?? new Map()
    },

    async load(batch, signal) {
      const loaded = await interruptible(batch.engine, signal, async () => {
        let done: Loaded | null = null
        for (let attempt = 1; attempt <= ATTEMPTS && done === null; attempt++)
          done = await tryLoad(zone, batch, await publishPending(zone, signal), signal)
        return done
      }).catch((error: unknown) => {
        throw duckdbError(id, explainPause(id, error))
      })
      if (loaded === null) throw crowded(id)
      await publishCommitted(zone, loaded)
      return loaded.counts
    },

    async query(sql, parameters = new Map()) {
      const result = await withManifest((manifest) => answer(zone, manifest, { sql, parameters }, signal))
      if (result !== null) return result
      throw new AuditError(`${id}: nothing is loaded yet`, {
        advice: 'Load something first, or name another with --to.',
      })
    },

    questions: QUESTIONS,

    checks: () => [{ name: 'mirroring', run: (stop) => mirroringCheck(zone, stop) }],

    probes: (name) => [
      { name: 'probe: writing', run: (stop) => probeWrites(zone.store, `${zone.root}/${OWN}/${name}-`, stop) },
    ],

    close: () => zone.store.close(),
  }
}

/** The batch is committed, so this runs to its end even after an abort. */
async function publishCommitted(zone: Zone, { counts, held, parts }: Loaded): Promise<void> {
  try {
    await publishPending(zone, NEVER_ABORTED, { held, local: localOf(parts) })
  } catch (thrown) {
    const error = explainPause(zone.id, thrown)
    const what = error instanceof AuditError ? error.message : 'an unexpected error'
    throw new AuditError(`${zone.id}: the batch is loaded, but publishing it failed: ${what}`, {
      committed: counts,
      advice: `${error instanceof AuditError && error !== thrown ? error.advice : 'Run again.'} What is loaded is published first.`,
      cause: error,
    })
  }
}

const crowded = (id: string): AuditError =>
  new AuditError(`${id}: other loads were faster ${ATTEMPTS} times in a row; nothing is changed`, {
    outside: true,
    advice: 'Run it again while fewer loads write there.',
    retryable: true,
  })
