/** Who pays, how much at most, and with whose key: options of the address that reach every request they concern. */

import { describe, expect, it } from 'vitest'
import { parseBigQueryAddress } from '../../../sinks/bigquery/address.js'
import { BILLING_PROJECT, PROJECT } from '../../emulators/bigquery/server.js'
import { countsOf, loadInto, ndjson } from '../../support/load.js'
import { eventsOf, rowsOf } from '../../support/rows.js'
import { newPlace } from './support.js'

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_email: 'ada@example.com' }
const DOCUMENTS = { a: ndjson(EVENT, 'no json') }
const CONTRADICTING = { b: ndjson({ ...EVENT, actor_email: 'eve@example.com' }) }
const KEY = 'projects/keys/locations/us/keyRings/audit/cryptoKeys/warehouse'

describe('billing_project', () => {
  it('has all jobs run there, and the dataset where it is', async () => {
    const { standIn, open } = await newPlace()
    const sink = open(`billing_project=${BILLING_PROJECT}`)
    expect(sink.id).toBe(`bigquery://${PROJECT}/audit`)
    expect(countsOf(await loadInto(sink, DOCUMENTS))).toEqual([1, 0, 0, 1])
    expect(countsOf(await loadInto(sink, CONTRADICTING))).toEqual([0, 0, 1, 0])
    expect(await rowsOf(sink, 'SELECT COUNT(*) AS n FROM audit_events')).toEqual([{ n: 1 }])
    await sink.estimate?.({ from: null, to: null })
    expect(new Set(standIn.jobs().map(({ jobReference }) => jobReference.projectId))).toEqual(
      new Set([BILLING_PROJECT]),
    )
    const elsewhere = standIn.requests.filter((line) => line.includes(`/${PROJECT}/`) && !line.includes('/datasets'))
    expect(elsewhere).toEqual([])
  })
})

describe('endpoint', () => {
  it.each([
    'https://',
    'https://[bad',
    'https://999.1.1.1',
    'https://bigquery.example.com:99999',
    'https://ada@example.com',
    'http://bigquery.example.com',
  ])('that is no address to send credentials to is a usage error: %s', (endpoint) => {
    const parse = () => parseBigQueryAddress(`bigquery://acme-audit/audit?endpoint=${encodeURIComponent(endpoint)}`)
    expect(parse).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: 'bigquery://acme-audit/audit: option endpoint is not https://HOST, or http:// on this machine',
      }),
    )
  })

  it.each(['https://bigquery.example.com', 'https://10.0.0.8:8443', 'http://[::1]:9050'])('may be %s', (endpoint) => {
    expect(parseBigQueryAddress(`bigquery://acme-audit/audit?endpoint=${endpoint}`)).toMatchObject({ endpoint })
  })
})

describe('kms_key', () => {
  it('encrypts a new dataset, its tables, staged batches, temporary tables and results', async () => {
    const { standIn, open } = await newPlace()
    const sink = open(`kms_key=${KEY}`)
    const staged: (string | undefined)[] = []
    const onMatch = () =>
      staged.push(...standIn.tables('audit').map(({ encryptionConfiguration }) => encryptionConfiguration?.kmsKeyName))
    standIn.faults.push({ request: /upload/, does: 'pass', times: 1, onMatch })
    await loadInto(sink, DOCUMENTS)
    await loadInto(sink, CONTRADICTING)
    await eventsOf(sink)
    const views = standIn.tables('audit').filter(({ type }) => type === 'VIEW').length
    expect(staged.filter((key) => key === KEY)).toHaveLength(staged.length - views)
    expect(standIn.dataset('audit').defaultEncryptionConfiguration?.kmsKeyName).toBe(KEY)
    const queries = standIn.jobs().flatMap(({ configuration: { query } }) => query ?? [])
    const scripts = queries.filter(({ query }) => /^BEGIN|^DECLARE/.test(query))
    expect(scripts.map(({ destinationEncryptionConfiguration }) => destinationEncryptionConfiguration)).toEqual(
      scripts.map(() => undefined),
    )
    const merges = scripts.filter(({ query }) => query.includes('TEMP TABLE'))
    expect(merges).toHaveLength(2)
    for (const { query } of merges) expect(query).not.toMatch(/TEMP TABLE \w+ AS/)
    const selects = queries.filter((each) => !scripts.includes(each))
    expect(selects.map((each) => each.destinationEncryptionConfiguration?.kmsKeyName)).toEqual(selects.map(() => KEY))
  })
})

describe('maximum_bytes_billed', () => {
  it('stops a job that would cost more, before it costs anything, and says how much it would', async () => {
    const { standIn, open } = await newPlace()
    await loadInto(open('maximum_bytes_billed=1000000'), DOCUMENTS)
    const query = expect.objectContaining({ maximumBytesBilled: '1000000' })
    for (const { configuration } of standIn.jobs()) {
      if (configuration.query !== undefined) expect(configuration.query).toEqual(query)
    }
    const sink = open('maximum_bytes_billed=50')
    await expect(sink.query('SELECT * FROM audit_events')).rejects.toMatchObject({
      message: expect.stringContaining(
        'bytesBilledLimitExceeded: Query exceeded limit for bytes billed: 50. 100 or higher',
      ),
      advice: expect.stringContaining('maximum_bytes_billed'),
      outside: true,
    })
  })
})

describe('what is no such value is refused as wrong usage', () => {
  it.each(['billing_project=My-Project', 'kms_key=warehouse', 'maximum_bytes_billed=1GB', 'allow_expiration=yes'])(
    '%s',
    async (option) => {
      const { open } = await newPlace()
      expect(() => open(option)).toThrow(expect.objectContaining({ exitCode: 2 }))
    },
  )
})
