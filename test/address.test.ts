import { describe, expect, it } from 'vitest'
import { parseAddress, requireUsableProxies, withoutLogin } from '../src/address.js'

describe('an address that is none of ours', () => {
  it.each([
    ['postgres://ada:s3cret@host/db', 'postgres://…@host/db'],
    ['postgres://ada:s3/cr@et@host/db?x=1', 'postgres://…@host/db'],
    ['https://s3cret@host', '…@host'],
    ['postgres:ada:s3cret@host', '…@host'],
    ['https:/ada:s3cret@host', '…@host'],
    ['ada:s3cret@host', '…@host'],
    ['ftp://host/logs?token=s3cret#s3cret', 'ftp://host/logs'],
    ['postgres:db', 'postgres:db'],
    ['logs@2026/?.ndjson', 'logs@2026/?.ndjson'],
    ['a\u001b[2J', 'a\\u001b[2J'],
  ])('%j is told as %j', (address, told) => expect(withoutLogin(address)).toBe(told))
})

describe('an address of ours', () => {
  it.each(['s3://ada:s3cret@bucket', 's3://ada:s3/cret@bucket', 's3://s3cret@bucket/x'])(
    'with a login is refused, and not repeated: %s',
    (address) => expect(() => parseAddress(address, {})).toThrow(/^(?!.*(?:s3cret|ada)).*holds a login$/),
  )

  it('may have both signs behind the first slash', () => {
    expect(parseAddress('s3://bucket/a:b@c', {}).path).toBe('bucket/a:b@c')
  })
})

describe('proxies', () => {
  it.each(['http://ada:s3cret@:bad', 'ada:s3cret@host:1', 'socks5://ada:s3cret@host:1'])(
    'that no client can use are refused, and not repeated: %s',
    (proxy) => {
      for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'])
        expect(() => requireUsableProxies({ [name]: proxy })).toThrow(/^(?!.*(?:s3cret|ada)).*not a URL$/)
    },
  )

  it('that are none, or have a login, are none of our business', () => {
    requireUsableProxies({ HTTPS_PROXY: '', http_proxy: 'http://ada:s3cret@host:1' })
  })
})
