import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startWandbApi, type WandbApi } from '../../../src/demo/wandb-api.js'
import { allEvents, listed, made, PATIENT, range, rejection, sourceOf } from './support.js'

const now = () => new Date('2026-03-05T12:00:00Z')
const DAYS = range('2026-03-04', '2026-03-05')
const EXPECTED = made('2026-03-04', '2026-03-05', 100)
const ELSEWHERE = { baseUrl: 'http://acme.example', insecureHttp: true, now, timing: { ...PATIENT, retries: 0 } }

let api: WandbApi
const proxies: Server[] = []
beforeEach(async () => {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'])
    vi.stubEnv(name, undefined)
  api = await startWandbApi({ eventsPerDay: 100, now })
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await api.close()
  for (const proxy of proxies.splice(0)) {
    proxy.closeAllConnections()
    proxy.close()
  }
})

/** A proxy that leads every tunnel to the stand-in, or none at all. Returns its URL and where its tunnels were to lead. */
async function startProxy(refusing = false): Promise<{ readonly url: string; readonly asked: readonly string[] }> {
  const asked: string[] = []
  const proxy = createServer()
  proxy.on('connect', (request, socket) => {
    asked.push(String(request.url))
    if (refusing) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const onward = connect(Number(new URL(api.url).port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    for (const end of [socket, onward]) end.on('error', () => onward.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  proxies.push(proxy)
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked }
}

test('the proxy of the environment leads to W&B', async () => {
  const { url, asked } = await startProxy()
  vi.stubEnv('HTTP_PROXY', url)
  const source = sourceOf(api, ELSEWHERE)
  expect(await allEvents(source, DAYS)).toEqual(EXPECTED)
  expect(new Set(asked)).toEqual(new Set(['acme.example:80']))
  await source.close()
})

test('this machine itself is reached without it', async () => {
  const { url, asked } = await startProxy()
  vi.stubEnv('HTTP_PROXY', url)
  expect(await allEvents(sourceOf(api, { now }), DAYS)).toEqual(EXPECTED)
  expect(asked).toEqual([])
})

test('a proxy that refuses is named, and its login is not', async () => {
  const { url } = await startProxy(true)
  vi.stubEnv('HTTP_PROXY', url.replace('//', '//user:s3cret@'))
  const error = await rejection(listed(sourceOf(api, ELSEWHERE), DAYS))
  expect(error.message).toBe('acme.example: the proxy made no connection')
  expect(error.advice).toContain('HTTPS_PROXY')
  expect(`${error.stack} ${String(error.cause)}`).not.toContain('s3cret')
})

test('a proxy without a URL is wrong usage', () => {
  vi.stubEnv('HTTPS_PROXY', 'user:s3cret@proxy')
  expect(() => sourceOf(api, ELSEWHERE)).toThrow(/^HTTPS_PROXY or HTTP_PROXY is not a URL$/)
})

test('a proxy that hangs up is asked once each time, and the error says so', async () => {
  let connections = 0
  const proxy: TcpServer = createTcpServer((socket) => {
    connections++
    socket.on('error', () => {}).once('data', () => socket.end())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
  const source = sourceOf(api, { ...ELSEWHERE, timing: { ...PATIENT, retries: 2, pauseMs: 1 } })
  const error = await rejection(listed(source, DAYS))
  expect(error.message).toContain('acme.example')
  expect(connections).toBe(3)
  await source.close()
  proxy.close()
})
