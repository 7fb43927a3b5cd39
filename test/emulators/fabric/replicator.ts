/**
 * A stand-in of the service behind open mirroring. It reads the landing zone as Fabric documents it and keeps the mirrored tables in
 * DuckDB; what Fabric would stop at, it stops at, and says why.
 *
 * https://learn.microsoft.com/fabric/mirroring/open-mirroring-landing-zone-format
 * https://learn.microsoft.com/fabric/mirroring/open-mirroring-best-practices
 */

import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { ObjectStore, StoredObject } from '../../../src/stores/contract.js'
import { applyFile } from './apply.js'

export interface Replicator {
  /** The mirrored tables, each in its schema. */
  readonly connection: DuckDBConnection
  /** By table: why it is not replicated any further. */
  readonly stopped: ReadonlyMap<string, string>
  /** Applies every file that is there, in order, and then takes away those it has applied, but for the last of each table. */
  run(): Promise<void>
  close(): void
}

interface Mirrored {
  /** As `_metadata.json` has them; null: not declared, and then only inserts are possible. */
  readonly keyColumns: readonly string[] | null
  /** The number of the file to apply next. */
  next: number
}

const NUMBERED = /^(\d{20})\.parquet$/

/** @param root key of the landing zone, without a slash at the end */
export async function startReplicator(store: ObjectStore, root: string, folder: string): Promise<Replicator> {
  const signal = new AbortController().signal
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  const tables = new Map<string, Mirrored>()
  const versions = new Map<string, string>()
  const stopped = new Map<string, string>()

  async function bytesOf(object: StoredObject): Promise<Buffer> {
    const reading = await store.read(object, 0, signal)
    if (reading === null) throw new Error('a file of the landing zone is no longer what it was')
    const chunks: Uint8Array[] = []
    for await (const chunk of reading.chunks) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  /** Objects by the folder of their table, `X.schema/T`; what begins with an underscore is not looked at, but for `_metadata.json`. */
  async function listed(): Promise<Map<string, Map<string, StoredObject>>> {
    const found = new Map<string, Map<string, StoredObject>>()
    for await (const object of store.list(`${root}/`, signal)) {
      const path = object.key.slice(root.length + 1)
      const [, table, file] = /^([^_/][^/]*\.schema\/[^_/][^/]*)\/([^/]+)$/.exec(path) ?? []
      if (table === undefined || file === undefined) continue
      if (file.startsWith('_') && file !== '_metadata.json') continue
      const files = found.get(table) ?? new Map<string, StoredObject>()
      found.set(table, files.set(file, object))
    }
    return found
  }

  async function opened(table: string, metadata: StoredObject | undefined): Promise<Mirrored> {
    const declared = metadata === undefined ? null : JSON.parse(String(await bytesOf(metadata))).keyColumns
    const known = tables.get(table)
    if (known !== undefined) {
      if (JSON.stringify(known.keyColumns) !== JSON.stringify(declared)) throw new Error('keyColumns changed')
      return known
    }
    const mirrored = { keyColumns: declared ?? null, next: 1 }
    tables.set(table, mirrored)
    return mirrored
  }

  async function replicate(table: string, files: ReadonlyMap<string, StoredObject>): Promise<void> {
    const mirrored = await opened(table, files.get('_metadata.json'))
    const numbered = [...files.keys()].filter((name) => name !== '_metadata.json').sort()
    for (const name of numbered) {
      const object = files.get(name) as StoredObject
      if (!NUMBERED.test(name)) throw new Error(`${name} is not a name of 20 digits`)
      if ((versions.get(object.key) ?? object.version) !== object.version) throw new Error(`${name} was written again`)
      versions.set(object.key, object.version)
      const number = Number(name.slice(0, 20))
      if (number < mirrored.next) continue
      if (number > mirrored.next) throw new Error(`${name} is there and ${mirrored.next} is not`)
      if (object.bytes === 0) throw new Error(`${name} is empty`)
      const local = join(folder, `${name}-${Math.random()}`)
      await writeFile(local, await bytesOf(object))
      try {
        await applyFile(connection, quotedTable(table), local, mirrored.keyColumns)
      } finally {
        await rm(local)
      }
      mirrored.next = number + 1
    }
    // The last one stays, so that the publisher can tell the next number.
    for (const name of numbered.slice(0, -1)) await takeAway(table, name, files.get(name) as StoredObject)
  }

  /** Applied files lie in a folder beside for a week. */
  async function takeAway(table: string, name: string, object: StoredObject): Promise<void> {
    await store.write(`${root}/${table}/_ProcessedFiles/${name}`, await bytesOf(object), 'any', signal)
    await store.remove(object.key, signal)
  }

  /** A table whose folder is gone is dropped, and begins anew when the folder comes back. */
  async function dropMissing(found: ReadonlyMap<string, unknown>): Promise<void> {
    for (const table of tables.keys()) {
      if (found.has(table)) continue
      await connection.run(`DROP TABLE IF EXISTS ${quotedTable(table)}`)
      for (const key of versions.keys()) if (key.startsWith(`${root}/${table}/`)) versions.delete(key)
      tables.delete(table)
      stopped.delete(table)
    }
  }

  /** A file that was deleted may be uploaded again under its name: the documented repair of a failing one. */
  function forgetRemoved(found: ReadonlyMap<string, ReadonlyMap<string, StoredObject>>): void {
    const present = new Set([...found.values()].flatMap((files) => [...files.values()].map(({ key }) => key)))
    for (const key of versions.keys()) if (!present.has(key)) versions.delete(key)
  }

  return {
    connection,
    stopped,
    async run() {
      const found = await listed()
      await dropMissing(found)
      forgetRemoved(found)
      for (const [table, files] of found) {
        stopped.delete(table)
        try {
          await replicate(table, files)
        } catch (error) {
          stopped.set(table, error instanceof Error ? error.message : String(error))
        }
      }
    },
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

/** `X.schema/T` as "X"."T". */
function quotedTable(folder: string): string {
  const [schema = '', table = ''] = folder.split('.schema/')
  return [schema, table].map((name) => `"${name.replaceAll('"', '""')}"`).join('.')
}
