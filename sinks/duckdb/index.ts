/** The DuckDB sink: the engine attaches the file and merges into it directly. */

import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DUCKDB } from '../../schemas/ddl.js'
import { AUDIT_DOCUMENTS, AUDIT_PRIVACY, type Table } from '../../schemas/tables.js'
import { tidied } from '../../src/cleanup.js'
import type { Sink } from '../../src/contract.js'
import { interruptible, withConnection } from '../../src/duckdb/connection.js'
import { duckdbError } from '../../src/duckdb/errors.js'
import { quotedString } from '../../src/duckdb/quoting.js'
import { AuditError, printable } from '../../src/errors.js'
import { DUCKDB_SQL } from '../shared/duckdb-forms.js'
import { mergeBatch } from '../shared/duckdb-load.js'
import { createTables, createViews, newestReceipts } from '../shared/duckdb-tables.js'
import { eraseStatements } from '../shared/erase.js'
import { reportStatements } from '../shared/findings.js'
import { rememberedOf, rememberedQuery, rememberStatement, UNKNOWN_YET } from '../shared/privacy.js'
import { privateCheck } from '../shared/private-file.js'
import { questions } from '../shared/questions.js'
import { openRoom, type Room } from '../shared/room.js'
import { fileError, mustBeDuckDB, READING, writing } from './file.js'
import { refuseForeign, refuseForeignViews } from './layout.js'
import { inTurn, type LockOptions, whileUnlocked } from './lock.js'
import { newestDays, statusQuestions } from './status.js'

/**
 * @param path the database file; created on first use, with the mode the umask gives
 * @param schema the schema for our tables; created on first use
 * @throws AuditError when the folder does not exist
 */
export function duckdbSink(path: string, lock: LockOptions, schema = 'main'): Sink {
  const id = `duckdb:${path}${schema === 'main' ? '' : `?schema=${schema}`}`
  const place = `sink.${DUCKDB.quote(schema)}`
  const file = canonical(path)
  const privacyForms = {
    table: (name: string) => `${place}.${DUCKDB.quote(name)}`,
    literal: quotedString,
    now: 'now()',
  }

  const attach = async (connection: DuckDBConnection, mode: string): Promise<void> => {
    mustBeDuckDB(id, file)
    await whileUnlocked(id, lock, () => connection.run(`ATTACH ${quotedString(file)} AS sink (${mode})`))
  }

  /** Runs `work` with the file attached as `sink`. The file's lock is held only that long. */
  function attached<T>(connection: DuckDBConnection, mode: 'reading' | 'writing', work: () => Promise<T>): Promise<T> {
    return inTurn(file, async () => {
      try {
        await attach(connection, mode === 'reading' ? READING : writing(file))
        return await tidied(work, async () => {
          // A failure may have left it the default database, which cannot be detached.
          await connection.run('USE memory')
          await connection.run('DETACH sink')
        })
      } catch (error) {
        throw fileError(id, error)
      }
    })
  }

  async function fill({ connection }: Room): Promise<void> {
    await attach(connection, READING)
    await connection.run(`USE ${place}`)
  }

  function mustExist(): void {
    if (existsSync(file)) return
    throw new AuditError(`${id}: the file does not exist yet`, {
      advice: 'Load something first, or name another with --to.',
    })
  }

  return {
    id,

    prepare: () =>
      withConnection((connection) =>
        attached(connection, 'writing', () =>
          inTransaction(connection, async () => {
            await connection.run(`CREATE SCHEMA IF NOT EXISTS ${place}`)
            await connection.run(`USE ${place}`)
            const standing = await refuseForeign(connection, id)
            await createTables(connection, (table) => standing.get(table)?.columns)
            await refuseForeignViews(connection, id, standing)
            await createViews(connection)
          }),
        ),
      ),

    async remembered() {
      mustExist()
      return withConnection((connection) =>
        attached(connection, 'reading', async () => {
          if (!(await hasTable(connection, schema, AUDIT_PRIVACY))) return UNKNOWN_YET
          const result = await connection.runAndReadAll(rememberedQuery(privacyForms))
          return rememberedOf(result.getRows())
        }),
      )
    },

    remember: (records) =>
      withConnection((connection) =>
        attached(
          connection,
          'writing',
          async () => void (await connection.run(rememberStatement(privacyForms, records))),
        ),
      ),

    report: (findings) =>
      withConnection((connection) =>
        attached(connection, 'writing', () =>
          inTransaction(connection, async () => {
            const forms = { ...DUCKDB_SQL, table: privacyForms.table }
            for (const sql of reportStatements(forms, privacyForms.now, findings)) await connection.run(sql)
          }),
        ),
      ),

    async receipts(source) {
      if (!existsSync(file)) return new Map()
      return withConnection((connection) =>
        attached(connection, 'reading', async () => {
          if (!(await hasTable(connection, schema, AUDIT_DOCUMENTS))) return new Map()
          return newestReceipts(connection, `${place}.audit_documents`, source)
        }),
      )
    },

    async load(batch, signal) {
      const { engine } = batch
      try {
        return await interruptible(engine, signal, () =>
          attached(engine, 'writing', () => inTransaction(engine, () => mergeBatch(batch, place))),
        )
      } catch (error) {
        throw duckdbError(id, error)
      }
    },

    async erase(erasure) {
      mustExist()
      const forms = { table: privacyForms.table, quote: DUCKDB.quote, digest: (text: string) => `sha256(${text})` }
      await withConnection((connection) =>
        attached(connection, 'writing', async () => {
          await inTransaction(connection, async () => {
            for (const { sql } of eraseStatements(erasure, forms)) await connection.run(sql)
          })
          // What the write-ahead log still has of the values goes with it.
          await connection.run('CHECKPOINT sink')
        }),
      )
    },

    async query(sql, parameters = new Map()) {
      mustExist()
      const room = await openRoom(id)
      try {
        await fill(room)
        return await room.ask(sql, parameters)
      } catch (error) {
        room.close()
        throw fileError(id, error)
      }
    },

    async queryTo(path, sql, memoryBytes) {
      mustExist()
      const room = await openRoom(id, memoryBytes)
      try {
        await fill(room)
        await room.write(sql, path)
      } catch (error) {
        throw fileError(id, error)
      } finally {
        room.close()
      }
    },

    questions: {
      ...questions(DUCKDB_SQL),
      async status(days) {
        mustExist()
        return withConnection((connection) =>
          attached(connection, 'reading', async () =>
            statusQuestions(await newestDays(connection, `${place}.audit_events`, days), days),
          ),
        )
      },
    },

    checks: () => [privateCheck(file)],

    async close() {},
  }
}

/** Another program's file may lack our tables; `prepare` adds them. */
async function hasTable(connection: DuckDBConnection, schema: string, { name }: Table): Promise<boolean> {
  const result = await connection.runAndReadAll(
    `SELECT 1 FROM duckdb_tables()
     WHERE database_name = 'sink' AND schema_name = $1 AND table_name = $2`,
    [schema, name],
  )
  return result.currentRowCount > 0
}

/** The real path, so that two paths to one file are the same; the folder must exist, the file need not. */
function canonical(path: string): string {
  const absolute = resolve(path)
  if (existsSync(absolute)) return realpathSync(absolute)
  const folder = dirname(absolute)
  if (existsSync(folder)) return join(realpathSync(folder), basename(absolute))
  throw new AuditError(`duckdb:${printable(path)}: there is no folder ${printable(folder)}`, {
    advice: 'Create it first, or name another place with --to.',
  })
}

async function inTransaction<T>(connection: DuckDBConnection, work: () => Promise<T>): Promise<T> {
  await connection.run('BEGIN TRANSACTION')
  try {
    const result = await work()
    await connection.run('COMMIT')
    return result
  } catch (error) {
    // The failure itself may have ended the transaction already.
    await connection.run('ROLLBACK').catch(() => {})
    throw error
  }
}
