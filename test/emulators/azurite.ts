/** The real Azurite, Microsoft's own stand-in of Azure Storage, with a proxy before it that lets things go wrong. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { listen } from '../../src/demo/listening.js'
import { versionLocks } from './azure-locks.js'
import { type Action, actionOfMethod, type Fault, faultAtOnce, faultQueue, forward } from './faults.js'

const require = createRequire(import.meta.url)

/** Everybody's: https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key */
export const ACCOUNT = 'devstoreaccount1'
export const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

export interface AzuriteRequest {
  readonly action: Action
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface Azurite {
  /** Of the account, through the proxy. */
  readonly endpoint: string
  /** Past the proxy. */
  readonly direct: string
  readonly requests: readonly AzuriteRequest[]
  fail(fault: Fault): void
  /** How many faults nobody ran into yet. */
  readonly faultsLeft: number
  close(): Promise<void>
}

export interface AzuriteOptions {
  /** The most objects of one page; 5000 when absent. Works with a SAS alone: a key signs the query, which this changes. */
  readonly pageSize?: number
  /** Made at its start; none when absent. */
  readonly containers?: readonly string[]
}

/** Starts both on 127.0.0.1, on ports of the system's choice; what is stored stays in memory. */
export async function startAzurite({ pageSize, containers = [] }: AzuriteOptions = {}): Promise<Azurite> {
  const main = require.resolve('azurite/dist/src/blob/main.js')
  const flags = ['--inMemoryPersistence', '--skipApiVersionCheck', '--disableTelemetry', '--silent']
  const child = spawn(process.execPath, [main, '--blobHost', '127.0.0.1', '--blobPort', '0', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = (): void => void child.kill()
  process.once('exit', kill)
  const port = await portOf(child.stdout)
  const direct = `http://127.0.0.1:${port}/${ACCOUNT}`
  const login = new StorageSharedKeyCredential(ACCOUNT, KEY)
  for (const name of containers) await new ContainerClient(`${direct}/${name}`, login).create()
  const requests: AzuriteRequest[] = []
  const faults = faultQueue<Fault>()
  const locks = versionLocks()

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = parsed(request)
    requests.push(asked)
    const fault = faults.next(asked.action, decodeURIComponent(asked.path.split('/').slice(3).join('/')))
    if (await faultAtOnce(fault, request)) return
    if (fault?.kind === 'refuse') {
      request.resume()
      response.writeHead(fault.status, { 'content-type': 'application/xml', 'x-ms-error-code': fault.code })
      response.end(`<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>${fault.message}</Message></Error>`)
      return
    }
    if (locks.refuses(asked)) {
      request.resume()
      response.writeHead(409, { 'content-type': 'application/xml', 'x-ms-error-code': 'BlobImmutableDueToPolicy' })
      response.end('<?xml version="1.0"?><Error><Code>BlobImmutableDueToPolicy</Code><Message/></Error>')
      return
    }
    const path =
      pageSize !== undefined && asked.action === 'list' ? `${request.url}&maxresults=${pageSize}` : request.url
    await forward(request, response, { port, path }, fault, (status, body) => locks.answered(asked, status, body))
  }

  const server = await listen(serve)
  return {
    endpoint: `${server.url}/${ACCOUNT}`,
    direct,
    requests,
    fail: (fault) => faults.add(fault),
    get faultsLeft() {
      return faults.left
    },
    async close() {
      await server.close()
      const ended = once(child, 'exit')
      process.off('exit', kill)
      kill()
      await ended
    },
  }
}

async function portOf(output: NodeJS.ReadableStream): Promise<number> {
  for await (const line of createInterface(output)) {
    const port = /successfully listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port === undefined) continue
    output.resume()
    return Number(port)
  }
  throw new Error('Azurite ended before it listened')
}

function parsed({ url = '/', method = '', headers }: IncomingMessage): AzuriteRequest {
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1')
  const query = Object.fromEntries(searchParams)
  const action = query.comp === 'list' ? 'list' : actionOfMethod(method)
  return { action, method, path: pathname, query, headers }
}
