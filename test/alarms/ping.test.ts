import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { openMonitor } from '../../src/alarms/ping.js'
import { never } from '../support/load.js'

const SECRET = '5f0c-secret'
const FAST = { retries: 2, pauseMs: 1 }

/** Answers with each status in turn, then with 200; null ends the connection. */
async function monitorAt(...statuses: readonly (number | null)[]): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const status = statuses[asked.length] ?? (asked.length < statuses.length ? null : 200)
    asked.push(`${request.method} ${request.url}`)
    if (status === null) request.socket.destroy()
    else response.writeHead(status, { location: '/elsewhere' }).end(`you sent ${SECRET}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${SECRET}`, asked }
}

async function told(url: string, result: 'success' | 'failure'): Promise<unknown> {
  const monitor = openMonitor(url, FAST)
  try {
    return await monitor.tell(result, never)
  } catch (error) {
    return error
  } finally {
    await monitor.close()
  }
}

it('a success requests the URL, a failure its /fail, query included', async () => {
  const { url, asked } = await monitorAt()
  expect(await told(url, 'success')).toBeUndefined()
  expect(await told(`${url}/?rid=1`, 'failure')).toBeUndefined()
  expect(asked).toEqual([`GET /${SECRET}`, `GET /${SECRET}/fail?rid=1`])
})

it('a monitor that is busy, or breaks the connection, is asked again', async () => {
  const { url, asked } = await monitorAt(503, null)
  expect(await told(url, 'success')).toBeUndefined()
  expect(asked).toHaveLength(3)
})

it.each([
  { statuses: [503, 503, 503], says: 'answered 503 (tried 3 times)' },
  { statuses: [404], says: 'answered 404' },
  { statuses: [302], says: 'answered 302' },
])('a monitor that answers $statuses is an error without the secret', async ({ statuses, says }) => {
  const { url, asked } = await monitorAt(...statuses)
  const error = String(await told(url, 'failure'))
  expect(error).toContain(says)
  expect(error).toContain(new URL(url).origin)
  expect(error).not.toContain(SECRET)
  expect(asked).toHaveLength(statuses.length)
})

it.each([`http://hc-ping.com/${SECRET}`, `ftp://127.0.0.1/${SECRET}`, SECRET, `https://a:${SECRET}@hc-ping.com/`])(
  'the URL %s is refused, and not told',
  (url) => {
    expect(() => openMonitor(url)).toThrow(/^(?!.*5f0c).*the ping/)
  },
)
