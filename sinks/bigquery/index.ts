/** The BigQuery sink: a Parquet load job into a staging table that expires, then one transaction. */

import { BIGQUERY } from '../../schemas/ddl.js'
import { AUDIT_DOCUMENTS, AUDIT_EVENTS, AUDIT_PRIVACY } from '../../schemas/tables.js'
import type { Sink } from '../../src/contract.js'
import { AuditError, interrupted } from '../../src/errors.js'
import { eraseStatements } from '../shared/erase.js'
import { reportStatements } from '../shared/findings.js'
import { requireUsed } from '../shared/pointing.js'
import { rememberedOf, rememberedQuery, rememberStatement, UNKNOWN_YET } from '../shared/privacy.js'
import { questions } from '../shared/questions.js'
import { parseBigQueryAddress } from './address.js'
import { newClient } from './client.js'
import { CLOCK } from './conflicts.js'
import { expirationCheck, probes } from './doctor.js'
import { bigquerySql } from './forms.js'
import type { JobContext } from './jobs.js'
import { loadBatch } from './load.js'
import { actionsScript, comparedQuery, literal, parameter, receiptsQuery } from './queries.js'
import { dryRun, readOnly, run } from './query.js'
import type { Timing } from './request.js'
import { keptEvents } from './stage.js'
import { partitionsFor, partitionsQuery, statusQuestions } from './status.js'
import {
  createDataset,
  createTables,
  hasActions,
  hasTable,
  labelActions,
  locationOf,
  namesIn,
  type Preparation,
} from './tables.js'

export interface BigQueryContext {
  readonly signal: AbortSignal
  onNotice(text: string): void
}

/** Requests and jobs are retried for one to two minutes; a job is polled after 0.2 s, later every 10 s. */
const TIMING: Timing = {
  retries: 6,
  pauseMs: 200,
  pollMs: 200,
  limitMs: 3_600_000,
  cancelMs: 60_000,
  conflicts: { firstMs: 1000, mostMs: 30_000 },
  clock: CLOCK,
}

/** Every load has a fixed cost, so few large ones are cheaper; the engine spills what does not fit into its memory. */
const BATCH_BYTES = 2 ** 30

/** A script has at most 1 MB of text; a statement of an erasure at most 35 KB. */
const STATEMENTS_A_JOB = 20
/** One that remembers findings has up to 80 KB. */
const FINDINGS_A_JOB = 10

/** A load job and a merge job. */
const JOBS_A_BATCH = 2

/** @throws AuditError, exit code 2, when the address is invalid */
export function bigquerySink(address: string, context: BigQueryContext, timing = TIMING): Sink {
  const place = parseBigQueryAddress(address)
  const { id } = place
  const client = newClient(place)
  const names = namesIn(place)
  const preparation: Preparation = { id, timing, place, client, names, signal: context.signal }
  const privacyForms = { table: names.full, literal, now: 'CURRENT_TIMESTAMP()' }
  const asked = questions(bigquerySql(names.from))
  let location: string | null = null

  /** Null when the dataset does not exist. */
  async function jobs(): Promise<JobContext | null> {
    location ??= await locationOf(preparation)
    return location === null ? null : { id, client, location, timing, onNotice: context.onNotice }
  }

  async function existingJobs(): Promise<JobContext> {
    const existing = await jobs()
    if (existing !== null) return existing
    throw new AuditError(`${id}: the dataset does not exist yet`, {
      advice: 'Load something first, or name another with --to.',
    })
  }

  /** The newest partitions of audit_events. */
  async function partitions(days: number): Promise<string[]> {
    const parameters = [
      parameter('table', 'STRING', names.bare(AUDIT_EVENTS.name)),
      parameter('partitions', 'INT64', partitionsFor(days)),
    ]
    const { rows } = await run(await existingJobs(), { sql: partitionsQuery(place), place, parameters }, context.signal)
    const ids: string[] = []
    for await (const [partition] of rows) ids.push(String(partition))
    return ids
  }

  return {
    id,
    batchBytes: BATCH_BYTES,

    async prepare() {
      if ((await jobs()) === null) await createDataset(preparation)
      const running = await existingJobs()
      await createTables(preparation)
      if (await hasActions(preparation)) return
      await run(running, { sql: actionsScript(names), place, isScript: true }, context.signal)
      await labelActions(preparation)
    },

    async remembered() {
      const running = await existingJobs()
      if (!(await hasTable(preparation, AUDIT_PRIVACY))) return UNKNOWN_YET
      const { rows } = await run(running, { sql: rememberedQuery(privacyForms), place }, context.signal)
      const found = []
      for await (const row of rows) found.push(row)
      return rememberedOf(found)
    },

    async remember(records) {
      const sql = rememberStatement(privacyForms, records)
      await run(await existingJobs(), { sql, place, isScript: true }, context.signal)
    },

    async report(findings) {
      const statements = reportStatements(bigquerySql(names.full), privacyForms.now, findings)
      for (let at = 0; at < statements.length; at += FINDINGS_A_JOB) {
        const sql = `${statements.slice(at, at + FINDINGS_A_JOB).join(';\n')};\n`
        await run(await existingJobs(), { sql, place, isScript: true }, context.signal)
      }
    },

    async receipts(source) {
      const running = await jobs()
      if (running === null || !(await hasTable(preparation, AUDIT_DOCUMENTS))) return new Map()
      const parameters = [parameter('source', 'STRING', source)]
      const query = { sql: receiptsQuery(names), place, parameters }
      const { rows } = await run(running, query, context.signal)
      const versions = new Map<string, string>()
      for await (const [document, version] of rows) versions.set(String(document), String(version))
      return versions
    },

    async erase(erasure) {
      const anyTime = `${BIGQUERY.quote('timestamp')} >= TIMESTAMP '0001-01-01 00:00:00+00'`
      const forms = {
        table: names.full,
        quote: BIGQUERY.quote,
        digest: (text: string) => `TO_HEX(SHA256(${text}))`,
        anyTime,
      }
      const statements = eraseStatements(erasure, forms).map(({ sql }) => sql)
      for (let at = 0; at < statements.length; at += STATEMENTS_A_JOB) {
        const sql = `${statements.slice(at, at + STATEMENTS_A_JOB).join(';\n')};\n`
        await run(await existingJobs(), { sql, place, isScript: true }, context.signal)
      }
    },

    async load(batch, signal) {
      if (signal.aborted) throw interrupted()
      return loadBatch(preparation, await existingJobs(), batch, signal)
    },

    async estimate(range) {
      const running = await jobs()
      if (running === null || !(await hasTable(preparation, AUDIT_EVENTS))) return { jobs: JOBS_A_BATCH, bytes: 0 }
      const { statistics } = await dryRun(running, { sql: comparedQuery(names, range), place }, context.signal)
      return { jobs: JOBS_A_BATCH, bytes: Number(statistics?.totalBytesProcessed ?? 0) }
    },

    async query(sql, given = new Map()) {
      requireUsed(id, sql, [...given.keys()], '@')
      const parameters = [...given].map(([name, value]) => parameter(name, 'STRING', value))
      return readOnly(await existingJobs(), { sql, place, parameters }, context.signal)
    },

    questions: {
      ...asked,
      proof: { ...asked.proof, kept: (_engine, events) => keptEvents(events) },
      status: async (days) => statusQuestions(names, await partitions(days), days),
    },

    checks: () => [{ name: 'expiration', run: () => expirationCheck(preparation) }],

    probes: (name) => probes(preparation, existingJobs, name),

    async close() {},
  }
}
