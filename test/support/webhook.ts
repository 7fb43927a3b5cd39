/** A webhook that keeps what it gets. Its path is a secret. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Hook {
  readonly url: string
  readonly posted: unknown[]
  /** What it answers from now on, to a body. */
  status: number | ((body: string) => number)
}

export async function webhook(): Promise<Hook> {
  const hook: Hook = { url: '', posted: [], status: 200 }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      hook.posted.push(JSON.parse(body))
      const status = typeof hook.status === 'number' ? hook.status : hook.status(body)
      response.writeHead(status).end(`you sent ${request.url}`)
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  return Object.assign(hook, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/s3cret` })
}
