/** The Redshift sink: Parquet through S3, and one transaction of the Data API for each batch. */

import { AUDIT_DOCUMENTS } from '../../schemas/tables.js'
import type { Sink } from '../../src/contract.js'
import { interruptible } from '../../src/duckdb/connection.js'
import { AuditError, interrupted, usageError } from '../../src/errors.js'
import { NEVER_ABORTED, retrying } from '../../src/retry.js'
import { type OpenedStore, openStore } from '../../src/stores/index.js'
import { eraseStatements } from '../shared/erase.js'
import { reportStatements } from '../shared/findings.js'
import { rememberedOf, rememberedQuery, rememberStatement, UNKNOWN_YET } from '../shared/privacy.js'
import { questions } from '../shared/questions.js'
import { parseRedshiftAddress, type RedshiftAddress } from './address.js'
import { dataApi } from './data-api.js'
import { probes } from './doctor.js'
import { erasedParts, personal } from './erase.js'
import { redshiftSql } from './forms.js'
import { commit, removeAll, upload } from './load.js'
import { digest, instant, literal, type Namespace, quote, same, tableOf, takeTurn } from './namespace.js'
import { prepare } from './prepare.js'
import { readOnly } from './query.js'
import { rawRejects } from './raw-rejects.js'
import { queryResult } from './result.js'
import { keptEvents } from './stage.js'
import { TURN_TIMING, turn } from './turn.js'

/** A batch has at most 40 statements. */
const STATEMENTS_AN_ERASURE = 30

/**
 * @param context its signal cancels everything except loads, which have their own; its notices say who is waited for
 * @throws AuditError, exit code 2, when the address is not a valid Redshift address
 */
export function redshiftSink(
  address: string,
  context: { readonly signal: AbortSignal; onNotice?(text: string): void },
  timing = TURN_TIMING,
): Sink {
  const at = parseRedshiftAddress(address)
  const { id, place } = at
  const { signal, onNotice = () => {} } = context
  const api = dataApi(at, timing.lookSeconds)
  const privacyForms = { table: (name: string) => tableOf(place, { name }), literal }
  const asked = questions(redshiftSql(place))
  let opened: Promise<OpenedStore> | undefined

  return {
    id,

    // If two runs prepare at once, one may fail because of what the other has just created; it looks again.
    async prepare() {
      if (sessionsAreNameless(process.env)) {
        onNotice(`${id}: set AWS_ROLE_SESSION_NAME, or its statements are lost to it when the login is renewed`)
      }
      // Report what a load lacks before creating anything.
      opened ??= openStaging(at)
      await opened
      await retrying(() => prepare(id, place, api, signal), NEVER_ABORTED)
    },

    async remembered() {
      try {
        const sqls = [rememberedQuery(privacyForms)]
        const statement = await retrying(() => api.must({ sqls, what: 'reading audit_privacy', signal }), NEVER_ABORTED)
        const found = []
        for await (const row of queryResult(await api.result(statement, 1)).rows) found.push(row)
        return rememberedOf(found)
      } catch (error) {
        if (isMissing(error)) return UNKNOWN_YET
        throw error
      }
    },

    // Takes its turn, because two runs at once would both insert.
    async remember(records) {
      const now = instant(BigInt(Date.now()) * 1000n)
      const sqls = [...takeTurn(place, 'remembering'), rememberStatement({ ...privacyForms, now }, records)]
      await retrying(() => api.must({ sqls, what: 'writing audit_privacy', signal }), NEVER_ABORTED)
    },

    // Takes its turn, because two runs at once would both insert.
    async report(findings) {
      const now = instant(BigInt(Date.now()) * 1000n)
      for (const sql of reportStatements(redshiftSql(place), now, findings)) {
        const sqls = [...takeTurn(place, 'reporting'), sql]
        await retrying(() => api.must({ sqls, what: 'writing audit_findings', signal }), NEVER_ABORTED)
      }
    },

    async receipts(source) {
      const sqls = [newestReceipts(place, source)]
      try {
        const statement = await retrying(() => api.must({ sqls, what: 'reading receipts', signal }), NEVER_ABORTED)
        const { rows } = queryResult(await api.result(statement, 1))
        const receipts = new Map<string, string>()
        for await (const [document, version] of rows) receipts.set(String(document), String(version))
        return receipts
      } catch (error) {
        if (isMissing(error)) return new Map()
        throw error
      }
    },

    // Commits several times if there is much to clear; what is cleared stays so.
    async erase(erasure) {
      const forms = { table: (name: string) => tableOf(place, { name }), quote, digest }
      const statements = [...eraseStatements(erasure, forms).map(({ sql }) => sql), ...erasedParts(place, erasure)]
      for (let at = 0; at < statements.length; at += STATEMENTS_AN_ERASURE) {
        const sqls = [...takeTurn(place, 'erasing'), ...statements.slice(at, at + STATEMENTS_AN_ERASURE)]
        await retrying(() => api.must({ sqls, what: 'erasing', signal }), NEVER_ABORTED)
      }
    },

    async load(batch, signal) {
      if (signal.aborted) throw interrupted()
      opened ??= openStaging(at)
      const { store, prefix } = await opened
      const keys: string[] = []
      try {
        return await interruptible(batch.engine, signal, async () => {
          const objects = await upload(batch, id, { store, prefix, keys }, signal)
          return commit(batch, objects, at, api, turn(id, place, timing, signal, onNotice))
        })
      } finally {
        await removeAll(store, keys)
      }
    },

    async query(sql, parameters = new Map()) {
      const { sqls, failure } = readOnly(id, sql, parameters, place)
      try {
        const statements = { sqls, parameters, what: 'the query', signal }
        const statement = await retrying(() => api.must(statements), NEVER_ABORTED)
        return queryResult(await api.result(statement, sqls.length))
      } catch (error) {
        throw failure(error)
      }
    },

    questions: {
      ...asked,
      proof: { ...asked.proof, kept: keptEvents },
      rawRejects: rawRejects(place),
      personal: personal(place),
    },

    checks: () => [
      {
        name: 'staging',
        async run(stop) {
          opened ??= openStaging(at)
          const { store, prefix } = await opened
          for await (const _ of store.list(prefix, stop)) break
          return `${store.id}/${prefix} can be listed`
        },
      },
    ],

    probes(name) {
      const staging = () => {
        opened ??= openStaging(at)
        return opened
      }
      return probes(at, api, staging, name)
    },

    async close() {
      api.close()
      if (opened !== undefined) await opened.then(({ store }) => store.close()).catch(() => {})
    },
  }
}

/** Nothing was prepared yet. */
const isMissing = (error: unknown): boolean =>
  error instanceof AuditError && /(?:relation|schema) .*does not exist/.test(error.message)

/** For a web identity (of a pod or a CI job), the client names each session anew; with the guide's policy a statement belongs to its session. */
const sessionsAreNameless = (env: NodeJS.ProcessEnv): boolean =>
  env.AWS_WEB_IDENTITY_TOKEN_FILE !== undefined && env.AWS_ROLE_SESSION_NAME === undefined

async function openStaging({ id, staging }: RedshiftAddress): Promise<OpenedStore> {
  if (staging !== null) return await openStore(staging)
  throw usageError(
    `${id}: loading needs a place in S3 for files on their way`,
    'Add ?staging=s3://bucket/prefix to its address.',
  )
}

const newestReceipts = (place: Namespace, source: string): string => `SELECT document, document_version FROM (
  SELECT document, document_version, ROW_NUMBER() OVER (PARTITION BY ${digest('document')} ORDER BY loaded_at DESC) AS newest
  FROM ${tableOf(place, AUDIT_DOCUMENTS)} WHERE ${same('source', literal(source))}
) AS receipts
WHERE newest = 1`
