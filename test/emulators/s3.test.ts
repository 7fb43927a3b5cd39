/** The stand-in of S3, asked by the official client as it comes: it must refuse what AWS refuses. */

import { Readable } from 'node:stream'
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterEach, describe, expect, it } from 'vitest'
import { type S3StandIn, startS3 } from './s3.js'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const Bucket = 'a-bucket'

async function standIn(): Promise<{ s3: S3StandIn; client: S3Client }> {
  const s3 = await startS3({ buckets: [Bucket] })
  const client = new S3Client({
    endpoint: s3.url,
    region: s3.region,
    forcePathStyle: true,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local-secret' },
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  })
  ends.push(
    () => client.destroy(),
    () => s3.close(),
  )
  return { s3, client }
}

describe('the stand-in of S3', () => {
  it('takes a stream in pieces with its checksum behind it, and keeps the bytes alone', async () => {
    const { s3, client } = await standIn()
    const pieces = [Buffer.alloc(70_000, 'a'), Buffer.alloc(3, 'b')]
    const command = new PutObjectCommand({ Bucket, Key: 'k', Body: Readable.from(pieces), ContentLength: 70_003 })
    await client.send(command)
    expect(Buffer.concat(pieces).equals(s3.get(Bucket, 'k') ?? Buffer.alloc(0))).toBe(true)
    const { Body, ContentEncoding, ChecksumCRC32 } = await client.send(
      new GetObjectCommand({ Bucket, Key: 'k', ChecksumMode: 'ENABLED' }),
    )
    expect((await Body?.transformToByteArray())?.length).toBe(70_003)
    expect(ContentEncoding).toBeUndefined()
    expect(ChecksumCRC32).toMatch(/^.{6}==$/)
  })

  it.each([
    ['BadDigest', { ChecksumSHA256: Buffer.alloc(32).toString('base64') }],
    ['BadDigest', { ContentMD5: Buffer.alloc(16).toString('base64') }],
    ['BadDigest', { ChecksumCRC64NVME: 'AAAAAAAAAAA=' }],
    ['NotImplemented', { ChecksumXXHASH3: 'AAAAAAAAAAA=' }],
    ['NotImplemented', { IfNoneMatch: '"etag"' }],
    ['NoSuchKey', { IfMatch: '"etag"' }],
  ])('refuses with %s what was sent with %j, and keeps nothing', async (code, options) => {
    const { s3, client } = await standIn()
    const command = new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello', ...options })
    await expect(client.send(command)).rejects.toMatchObject({ name: code })
    expect(s3.keys(Bucket)).toEqual([])
  })

  it('refuses what it does not know, rather than pretend', async () => {
    const { client } = await standIn()
    const commands = [
      client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'k' })),
      client.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' })),
    ]
    for (const command of commands) await expect(command).rejects.toMatchObject({ name: 'NotImplemented' })
  })

  it('refuses a request without a signature', async () => {
    const { s3 } = await standIn()
    s3.put(Bucket, 'k', Buffer.from('hello'))
    const response = await fetch(`${s3.url}/${Bucket}/k`)
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('<Code>AccessDenied</Code>')
  })

  it('notes what it was asked, and what it answered', async () => {
    const { s3, client } = await standIn()
    s3.put(Bucket, 'a b', Buffer.from('hello'))
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'a b', Range: 'bytes=1-' }))
    expect(await Body?.transformToString()).toBe('ello')
    expect(s3.requests).toMatchObject([
      { action: 'GetObject', bucket: Bucket, key: 'a b', range: 'bytes=1-', status: 206 },
    ])
  })
})
