/**
 * Sends the CONNECT request to a proxy. undici 7 repeats it endlessly and at full speed when the proxy hangs up
 * (https://github.com/nodejs/undici/issues/5093; fixed in 8, which needs Node 22). Node's own client sends it once.
 */

import http from 'node:http'
import https from 'node:https'
import { type Dispatcher, Pool } from 'undici'

/** For `clientFactory` of undici's ProxyAgent. */
export function proxyClient(timeoutMs: number): (origin: URL, options: object) => Dispatcher {
  return (origin, options) =>
    Object.assign(new Pool(origin.origin, options), { connect: tunnelThrough(origin, timeoutMs) })
}

function tunnelThrough(proxy: URL, timeout: number) {
  const { request } = proxy.protocol === 'https:' ? https : http
  return ({ path, headers, signal }: Dispatcher.ConnectOptions): Promise<object> =>
    new Promise((resolve, reject) => {
      const connecting = request({
        hostname: proxy.hostname.replace(/^\[|\]$/g, ''),
        port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : proxy.port,
        method: 'CONNECT',
        path,
        headers: headers as http.OutgoingHttpHeaders,
        timeout,
        agent: false,
        ...(signal instanceof AbortSignal ? { signal } : {}),
      })
      connecting.once('connect', ({ statusCode, headers: answered }, socket) => {
        socket.setTimeout(0)
        resolve({ statusCode, headers: answered, socket })
      })
      connecting.once('timeout', () =>
        connecting.destroy(Object.assign(new Error('the proxy is silent'), { code: 'UND_ERR_CONNECT_TIMEOUT' })),
      )
      connecting.once('error', reject)
      connecting.end()
    })
}
