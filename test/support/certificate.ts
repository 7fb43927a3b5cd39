/** Self-signed certificates made in the test's own process (X.509, RFC 5280), for TLS that goes wrong. */

import { generateKeyPairSync, sign } from 'node:crypto'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** @param names subjectAltName, as DNS names */
export function certificateFor(names: readonly string[], from: Date, to: Date): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(ECDSA_WITH_SHA256)
  const name = sequence(set(sequence(COMMON_NAME, der(0x0c, Buffer.from('test')))))
  const alternatives = sequence(...names.map((text) => der(0x82, Buffer.from(text))))
  const body = sequence(
    der(0xa0, integer(2)),
    integer(1),
    algorithm,
    name,
    sequence(time(from), time(to)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(sequence(SUBJECT_ALT_NAME, der(0x04, alternatives)))),
  )
  const signature = sign('sha256', body, privateKey)
  const certificate = sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.of(0), signature])))
  const pem = (certificate.toString('base64').match(/.{1,64}/g) ?? []).join('\n')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${pem}\n-----END CERTIFICATE-----\n`,
  }
}

const der = (tag: number, content: Uint8Array): Buffer => {
  const { length } = content
  const long = [length >> 8, length].map((byte) => byte & 0xff)
  const size = length < 0x80 ? [length] : [0x82, ...long]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, Buffer.concat(parts))
const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, Buffer.concat(parts))
const integer = (value: number): Buffer => der(0x02, Buffer.of(value))
const identifier = (...bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes))
/** GeneralizedTime. */
const time = (at: Date): Buffer => der(0x18, Buffer.from(at.toISOString().replace(/[-:T]|\.\d+/g, '')))

/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)
/** 2.5.4.3 */
const COMMON_NAME = identifier(0x55, 0x04, 0x03)
/** 2.5.29.17 */
const SUBJECT_ALT_NAME = identifier(0x55, 0x1d, 0x11)
