/** Google's own analyzer of BigQuery's SQL, which resolves every name and type of a statement against a schema. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Catalog, type Options, wire } from './catalog.js'

interface Service {
  analyze(request: object, done: (error: Error | null, answer: { resolvedStatement: unknown }) => void): void
  getLanguageOptions(
    request: object,
    done: (error: Error | null, answer: { enabledLanguageFeatures: string[] }) => void,
  ): void
  waitForReady(deadline: number, done: (error?: Error) => void): void
  close(): void
}

/** As far as it is used here. */
interface Grpc {
  loadPackageDefinition(definition: object): {
    zetasql: { local_service: { ZetaSqlLocalService: new (host: string, login: object, options: object) => Service } }
  }
  credentials: { createInsecure(): object }
}

interface ProtoLoader {
  loadSync(file: string, options: object): object
}

/** By `make interop`, beside this folder: the product's own lockfile knows nothing of them. */
const installed = (name: string): string => join(import.meta.dirname, '../node_modules', name)
const require = createRequire(import.meta.url)

export interface Analyzer {
  /** What a statement is to Google. Throws with its message when it is wrong. */
  analyze(sql: string, catalog: Catalog, options: Options): Promise<unknown>
  close(): void
}

const MEGABYTES_64 = 64 * 1024 * 1024

export async function startAnalyzer(): Promise<Analyzer> {
  const grpc = require(installed('@grpc/grpc-js')) as Grpc
  const loader = require(installed('@grpc/proto-loader')) as ProtoLoader
  // A sum of twenty texts is an expression in an expression, twenty times, and the client stops at 100 messages in messages.
  const { Reader, util } = require(installed('protobufjs')) as Record<'Reader' | 'util', { recursionLimit: number }>
  for (const each of [Reader, util]) each.recursionLimit = 1000
  const folder = installed('@fivetrandevelopers/zetasql/lib/zetasql')
  const port = await freePort()
  const program = `remote_server${process.arch === 'arm64' ? '_arm' : ''}${process.platform === 'darwin' ? '' : '.so'}`
  const server: ChildProcess = spawn(join(folder, program), ['localhost', String(port)], { stdio: 'ignore' })
  const definition = loader.loadSync('local_service.proto', {
    defaults: true,
    oneofs: true,
    includeDirs: [join(folder, 'protos')],
  })
  const { ZetaSqlLocalService } = grpc.loadPackageDefinition(definition).zetasql.local_service
  const service = new ZetaSqlLocalService(`localhost:${port}`, grpc.credentials.createInsecure(), {
    'grpc.max_send_message_length': MEGABYTES_64,
    'grpc.max_receive_message_length': MEGABYTES_64,
  })
  await promisify(service.waitForReady.bind(service))(Date.now() + 60_000)
  const { enabledLanguageFeatures } = await promisify(service.getLanguageOptions.bind(service))({
    maximumFeatures: true,
  })
  const analyze = promisify(service.analyze.bind(service))
  return {
    async analyze(sql, catalog, options) {
      const languageOptions = {
        enabledLanguageFeatures,
        productMode: 'PRODUCT_EXTERNAL',
        nameResolutionMode: 'NAME_RESOLUTION_DEFAULT',
        supportsAllStatementKinds: true,
      }
      const answer = await analyze({
        sqlStatement: sql,
        simpleCatalog: { ...wire(catalog), builtinFunctionOptions: { languageOptions } },
        options: { ...options, languageOptions, errorMessageMode: 'ERROR_MESSAGE_MULTI_LINE_WITH_CARET' },
      })
      return answer.resolvedStatement
    },
    close() {
      service.close()
      server.kill()
    },
  }
}

/** The server takes a number and tells none. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, 'localhost', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
