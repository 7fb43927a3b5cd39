/** moto's S3, with a proxy before it that lets things go wrong. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { CopyObjectCommand, CreateBucketCommand, RestoreObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { listen } from '../../../src/demo/listening.js'
import { s3Store } from '../../../src/stores/s3.js'
import type { FaultyPlace } from '../../conformance/store-faults.js'
import { HOSTILE_KEYS } from '../../conformance/stores.js'
import { type Action, actionOfMethod, type Fault, faultAtOnce, faultQueue, forward } from '../../emulators/faults.js'
import { startEmulator } from './python.js'

export const BUCKET = 'instance-bucket'

/** moto's routes end at a line break. */
const KEYS = HOSTILE_KEYS.filter((key) => !/[\r\n]/.test(key))

export interface Moto {
  /** Through the proxy. */
  readonly url: string
  /** An empty place in a bucket. */
  place(): FaultyPlace
  /** A client of its own, past the proxy. */
  readonly client: S3Client
  close(): Promise<void>
}

export async function startMoto(): Promise<Moto> {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'us-east-1' })
  const moto = await startEmulator('moto')
  const port = Number(new URL(moto.url).port)
  const faults = faultQueue<Fault>()

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = faults.next(actionOf(request), null)
    if (await faultAtOnce(fault, request)) return
    if (fault?.kind === 'refuse') {
      request.resume()
      response.writeHead(fault.status, { 'content-type': 'application/xml' })
      response.end(`<Error><Code>${fault.code}</Code><Message/></Error>`)
      return
    }
    await forward(request, response, { port }, fault)
  }

  const server = await listen(serve)
  const client = new S3Client({ endpoint: moto.url, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  /** moto's listings do not tell what was restored, so a restored object is also copied back to a class that can be read. */
  async function archive(key: string, state: 'archived' | 'restored'): Promise<void> {
    const object = { Bucket: BUCKET, Key: key }
    if (state === 'restored') await client.send(new RestoreObjectCommand({ ...object, RestoreRequest: { Days: 1 } }))
    const StorageClass = state === 'archived' ? 'GLACIER' : 'STANDARD'
    const CopySource = encodeURIComponent(`${BUCKET}/${key}`)
    await client.send(new CopyObjectCommand({ ...object, CopySource, StorageClass }))
  }
  let places = 0
  return {
    url: server.url,
    client,
    place: () => ({
      open: () => s3Store({ bucket: BUCKET, endpoint: server.url, region: 'us-east-1' }),
      prefix: `place ${++places}/`,
      keys: KEYS,
      archive,
      faults: {
        breakRead: (kind, afterBytes) => faults.add({ kind, action: 'read', afterBytes }),
        pieceRead: () => faults.add({ kind: 'pieces', action: 'read', bytes: 1 }),
        throttle: () => faults.add({ kind: 'refuse', status: 503, code: 'SlowDown' }),
        reset: () => faults.add({ kind: 'reset' }),
        loseWriteAnswer: () => faults.add({ kind: 'lost-answer', action: 'write' }),
        stall: () => faults.add({ kind: 'stall' }),
        left: () => faults.left,
      },
    }),
    async close() {
      client.destroy()
      await server.close()
      await moto.close()
    },
  }
}

function actionOf({ url = '/', method }: IncomingMessage): Action {
  if (new URL(url, 'http://127.0.0.1').searchParams.has('list-type')) return 'list'
  return actionOfMethod(method)
}
