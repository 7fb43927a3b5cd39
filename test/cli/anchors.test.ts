/** Seals that are signed, and stated where who has the archive cannot reach: forged and shortened chains are found. */

import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { anchorsIn, openAnchor } from '../../src/archive/anchors.js'
import type { NewSeal } from '../../src/archive/sealing.js'
import { never } from '../support/load.js'
import { ndjson, newFolder, run, summaryOf } from './support.js'

const at = (day: number) => ({ timestamp: `2026-10-0${day}T12:00:00Z`, action: 'user:login' })
const LOAD = ['load', '--from', 'logs', '--archive', 'kept']

function folderWithKey(): string {
  const cwd = newFolder()
  mkdirSync(join(cwd, 'logs'))
  for (const day of [1, 2]) writeFileSync(join(cwd, `logs/2026-10-0${day}.ndjson`), ndjson(at(day)))
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(join(cwd, 'seal-key.pem'), pem, { mode: 0o600 })
  return cwd
}

async function publicKey(cwd: string): Promise<void> {
  const { code, stdout } = await run(['seal', '--sign-key', 'seal-key.pem', '--public-key'], { cwd })
  expect(code).toBe(0)
  writeFileSync(join(cwd, 'seal-public.pem'), stdout)
}

async function verified(cwd: string, ...flags: readonly string[]): Promise<readonly unknown[]> {
  const { code, stdout } = await run(['verify', 'kept', '--output', 'json', ...flags], { cwd })
  const { archive } = JSON.parse(stdout) as {
    archive: { findings: { what: string; kind: string; document: string }[] }
  }
  return [code, ...archive.findings.map(({ what, kind, document }) => `${what} ${kind} ${document}`)]
}

const sealOf = (cwd: string, number: number) => join(cwd, `kept/seals/files/0000000${number}.jsonl`)

it('a signature can be checked with openssl, as docs/retention.md says', async () => {
  const cwd = folderWithKey()
  await summaryOf([...LOAD, '--sign-key', 'seal-key.pem'], { cwd })
  await publicKey(cwd)
  const page = readFileSync(new URL('../../docs/retention.md', import.meta.url), 'utf8')
  const [, script = ''] = /```bash\n(SEAL=[\s\S]*?)```/.exec(page) ?? []
  expect(script).toContain('openssl pkeyutl -verify')
  const local = script.replace(/^SEAL=.*$/m, `SEAL=${sealOf(cwd, 1)}`)
  const check = () => execFileSync('bash', ['-euo', 'pipefail', '-c', local], { cwd, encoding: 'utf8', stdio: 'pipe' })
  expect(check()).toMatch(/Signature Verified Successfully/)
  writeFileSync(sealOf(cwd, 1), readFileSync(sealOf(cwd, 1), 'utf8').replace('"rejects":0', '"rejects":9'))
  expect(check).toThrow()
})

it('verify finds a forged seal, and one that is not signed', async () => {
  const cwd = folderWithKey()
  await summaryOf([...LOAD, '--sign-key', 'seal-key.pem'], { cwd })
  await publicKey(cwd)
  expect(await verified(cwd, '--public-key', 'seal-public.pem')).toEqual([0])
  const whole = readFileSync(sealOf(cwd, 2), 'utf8')
  writeFileSync(sealOf(cwd, 2), whole.replace('"rejects":0', '"rejects":9'))
  const key = 'seals/files/00000002.jsonl'
  expect(await verified(cwd, '--public-key', 'seal-public.pem')).toEqual([
    5,
    `seal signature altered ${key}`,
    `seal statement altered ${key}`,
  ])
  writeFileSync(sealOf(cwd, 2), `${whole.split('\n', 1)[0]}\n`)
  expect(await verified(cwd, '--public-key', 'seal-public.pem')).toEqual([5, `seal signature missing ${key}`])
  expect(await verified(cwd)).toEqual([0])
})

it('verify finds a chain that was cut off, by copies in another place or by the log', async () => {
  const cwd = folderWithKey()
  const { stderr } = await run([...LOAD, '--anchor', 'elsewhere', '--log-format', 'json'], { cwd })
  writeFileSync(join(cwd, 'log.jsonl'), stderr)
  expect(readFileSync(join(cwd, 'elsewhere/seals/files/00000002.jsonl'))).toEqual(readFileSync(sealOf(cwd, 2)))
  for (const anchor of ['elsewhere', 'log.jsonl']) expect(await verified(cwd, '--anchor', anchor)).toEqual([0])
  rmSync(sealOf(cwd, 2))
  rmSync(join(cwd, 'kept/files/2026-10-02'), { recursive: true })
  expect(await verified(cwd)).toEqual([0])
  for (const anchor of ['elsewhere', 'log.jsonl']) {
    const found = await verified(cwd, '--anchor', anchor)
    expect(found).toEqual([5, 'newest seal missing seals/files/00000002.jsonl'])
  }
  // The chain goes on from where it was cut off, and the anchor has another seal of that number.
  writeFileSync(join(cwd, 'logs/2026-10-03.ndjson'), ndjson(at(3)))
  const again = await run([...LOAD, '--anchor', 'elsewhere'], { cwd })
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('holds another seal 2 of files') })
  expect((await verified(cwd, '--anchor', 'elsewhere')).slice(1)).toContain('seal altered seals/files/00000002.jsonl')
  // The next seals are copied, and fit to the one that replaced it.
  writeFileSync(join(cwd, 'logs/2026-10-04.ndjson'), ndjson(at(4)))
  await summaryOf([...LOAD, '--anchor', 'elsewhere'], { cwd })
  expect(readdirSync(join(cwd, 'elsewhere/seals/files'))).toHaveLength(3)
  expect((await verified(cwd, '--anchor', 'elsewhere')).slice(1)).toContain('seal altered seals/files/00000002.jsonl')
})

it('verify says that an anchor has no seals, or none of a source', async () => {
  const cwd = folderWithKey()
  await summaryOf([...LOAD, '--anchor', 'elsewhere'], { cwd })
  mkdirSync(join(cwd, 'empty'))
  for (const anchor of ['empty', 'nowhere']) {
    const { code, stderr } = await run(['verify', 'kept', '--anchor', anchor], { cwd })
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no copy of a seal at'),
    })
  }
  renameSync(join(cwd, 'elsewhere/seals/files'), join(cwd, 'elsewhere/seals/others'))
  const { stderr } = await run(['verify', 'kept', '--anchor', 'elsewhere'], { cwd })
  expect(stderr).toContain('the anchor has no seal of files')
})

it('an anchor that fails is told of once, and not waited for again', async () => {
  const cwd = folderWithKey()
  const { url, bodies } = await webhook(404, 404)
  const { code, stderr } = await run([...LOAD, '--anchor', url], { cwd })
  expect([code, bodies.length, stderr.split('it answered 404').length - 1]).toEqual([1, 1, 1])
  expect(readdirSync(join(cwd, 'kept/seals/files'))).toHaveLength(2)
})

interface Webhook {
  readonly url: string
  readonly bodies: string[]
}

/** @param statuses of its answers, one after the other, and 204 from then on */
async function webhook(...statuses: number[]): Promise<Webhook> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text) => {
      body += text
    })
    request.on('end', () => {
      bodies.push(`${request.method} ${request.url} ${body}`)
      response.writeHead(statuses.shift() ?? 204, { location: 'http://127.0.0.1:9/' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook-of-the-tests?key=s3cr3t`, bodies }
}

it('a webhook gets the hash of each new seal, and no message holds its secret', async () => {
  const cwd = folderWithKey()
  const { url, bodies } = await webhook()
  await summaryOf([...LOAD, '--anchor', url], { cwd })
  expect(bodies).toHaveLength(2)
  const [, body = ''] = /^POST \/hook-of-the-tests\?key=s3cr3t (.*)$/.exec(bodies[1] ?? '') ?? []
  expect(JSON.parse(body)).toMatchObject({ source: 'files', number: 2, day: '2026-10-02' })
  writeFileSync(join(cwd, 'got.jsonl'), bodies.map((each) => each.slice(each.indexOf('{'))).join('\n'))
  expect(await verified(cwd, '--anchor', 'got.jsonl')).toEqual([0])
  rmSync(join(cwd, 'kept/seals'), { recursive: true })
  const refusing = await webhook(404, 302)
  const { code, stderr } = await run(
    [
      ...LOAD.slice(0, 1),
      '--from',
      'logs',
      '--archive',
      'again',
      '--to',
      'duckdb:b.duckdb',
      '--anchor',
      refusing.url,
      '--log-format',
      'json',
    ],
    { cwd },
  )
  expect([code, stderr]).toEqual([1, expect.stringMatching(/to http:\/\/127\.0\.0\.1:\d+: it answered 404/)])
  expect(stderr).not.toMatch(/s3cr3t|hook-of-the-tests/)
  expect(readdirSync(join(cwd, 'again/seals/files'))).toHaveLength(2)
})

it('a webhook is asked again after 429 and 5xx', async () => {
  const { url, bodies } = await webhook(429, 503)
  const anchor = await openAnchor(url, { retries: 2, pauseMs: 1 })
  onTestFinished(() => anchor.close())
  await anchor.put({ number: 1 } as NewSeal, Buffer.alloc(0), never)
  expect(bodies).toEqual(Array(3).fill('POST /hook-of-the-tests?key=s3cr3t {"number":1}'))
})

it('a key from the environment signs, and none is quoted where it cannot be used', async () => {
  const cwd = folderWithKey()
  const pem = readFileSync(join(cwd, 'seal-key.pem'), 'utf8')
  const env = { WANDB_AUDIT_SIGN_KEY_PEM: pem }
  await summaryOf(LOAD, { cwd, env })
  expect(readFileSync(sealOf(cwd, 1), 'utf8')).toMatch(/\n\{"ed25519":"[^"]{88}"\}\n$/)
  const both = await run([...LOAD, '--sign-key', 'seal-key.pem'], { cwd, env })
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('are given') })
  const broken = await run(['seal', '--public-key'], { cwd, env: { WANDB_AUDIT_SIGN_KEY_PEM: pem.slice(0, -40) } })
  expect(broken).toMatchObject({ code: 2, stderr: expect.stringContaining('holds no key in PEM') })
  expect(broken.stderr + both.stderr).not.toContain(pem.split('\n')[1]?.slice(0, 20))
})

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })

it.each([
  { args: [...LOAD, '--sign-key', 'gone.pem'], says: 'key file gone.pem: ENOENT' },
  { args: [...LOAD, '--sign-key', 'rsa.pem'], says: 'is not Ed25519' },
  { args: ['load', '--from', 'logs', '--anchor', 'elsewhere'], says: '--sign-key and --anchor need --archive' },
  { args: [...LOAD, '--anchor', 'kept/inside'], says: 'the anchor lies in the archive' },
  { args: [...LOAD, '--anchor', 'logs/inside'], says: 'the anchor lies inside a source' },
  { args: [...LOAD, '--anchor', 'http://example.com/hook'], says: 'needs an https URL' },
  { args: [...LOAD, '--anchor', 'https://ada:secret@example.com/'], says: 'holds a login' },
  { args: ['seal', '--public-key'], says: 'there is no key' },
  { args: ['verify', 'kept', '--public-key', 'rsa.pem'], says: 'has no public key' },
  { args: ['verify', 'kept', '--anchor', 'rsa.pem'], says: 'has no hash of a seal' },
])('is refused as wrong usage: $args', async ({ args, says }) => {
  const cwd = folderWithKey()
  writeFileSync(join(cwd, 'rsa.pem'), RSA, { mode: 0o600 })
  const { code, stderr } = await run(args, { cwd })
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(says) })
  expect(stderr).not.toContain('secret@')
})

it('other users who can read the key are told of', async () => {
  const cwd = folderWithKey()
  writeFileSync(join(cwd, 'open.pem'), readFileSync(join(cwd, 'seal-key.pem')), { mode: 0o604 })
  const { stderr } = await run(['seal', '--sign-key', 'open.pem', '--public-key'], { cwd })
  expect(stderr).toContain('other users can read the signing key in open.pem')
})

it('a log in JSON states hashes, whatever else is in it', () => {
  const sha256 = 'a'.repeat(64)
  const lines = ['no JSON', 'null', '{"source":1}', JSON.stringify({ level: 'info', source: 's', number: 3, sha256 })]
  expect(anchorsIn(lines.join('\n'), 'log')).toEqual([{ source: 's', number: 3, sha256 }])
})
