/** Wrong addresses and refusals: each says what to do, and none quotes a value. */

import { describe, expect, it } from 'vitest'
import { bigqueryError } from '../../../sinks/bigquery/errors.js'
import { openSink } from '../../../sinks/index.js'
import { AuditError, EXIT } from '../../../src/errors.js'
import { loadInto, ndjson, never } from '../../support/load.js'
import { eventsOf } from '../../support/rows.js'
import { newPlace, type Place } from './support.js'

const DOCUMENTS = { a: ndjson({ timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }) }

describe('an address', () => {
  it.each([
    ['bigquery://project', /names no project and dataset/],
    ['bigquery://Project/dataset', /names no project and dataset/],
    ['bigquery://my-project/my-dataset', /names no project and dataset/],
    ['bigquery://my-project/a/b', /names no project and dataset/],
    ['bigquery://me:secret@my-project/a', /holds a login/],
    ['bigquery://my-project/a?colour=red', /no option colour/],
    ['bigquery://my-project/a?location=a b', /option location/],
    ['bigquery://my-project/a?staging=s3://bucket', /option staging/],
    ['bigquery://my-project/a?table_prefix=a-b', /option table_prefix/],
    ['bigquery://my-project/a?require_partition_filter=yes', /option require_partition_filter/],
    ['bigquery://my-project/a?labels=Team:x', /option labels/],
    ['bigquery://my-project/a?labels=load_id:x', /option labels/],
    ['bigquery://my-project/a?labels=a:b,a:c', /option labels/],
    ['bigquery://my-project/a?endpoint=http://example.com', /option endpoint/],
    ['bigquery://my-project/a?endpoint=example.com', /option endpoint/],
  ])('%s is refused as wrong usage', async (address, message) => {
    const opening = openSink(address, { waitMs: 0, signal: never, onNotice() {} })
    await expect(opening).rejects.toMatchObject({ message: expect.stringMatching(message), exitCode: EXIT.usage })
    await expect(opening.catch(String)).resolves.not.toContain('secret')
  })

  it.each(['bigquery://my-project/a', 'bigquery://example.com:my-project/a?location=europe-west4&labels=a:b'])(
    '%s is opened without asking anybody',
    async (address) => {
      const sink = await openSink(address, { waitMs: 0, signal: never, onNotice() {} })
      expect(sink.id).toBe(address.replace(/\?.*/, ''))
      await sink.close()
    },
  )

  it('is not followed elsewhere because of a variable meant for an emulator', async () => {
    process.env.BIGQUERY_EMULATOR_HOST = 'http://example.com'
    const opening = openSink('bigquery://my-project/a', { waitMs: 0, signal: never, onNotice() {} })
    await expect(opening).rejects.toMatchObject({ exitCode: EXIT.usage, advice: expect.stringContaining('Unset it') })
    delete process.env.BIGQUERY_EMULATOR_HOST
  })

  it('names the place where a new dataset is made, and one that is elsewhere is an error', async () => {
    const { open } = await newPlace()
    await loadInto(open('location=EU'), DOCUMENTS)
    expect(await eventsOf(open())).toHaveLength(1)
    await expect(open('location=US').prepare()).rejects.toMatchObject({
      message: expect.stringContaining('is in EU, not in US'),
      exitCode: EXIT.usage,
    })
  })
})

describe('errors', () => {
  const denied = (permission: string) => ({
    status: 403,
    reason: 'accessDenied',
    message: `Access Denied: Permission ${permission} denied on resource.`,
  })

  const failing = async (request: RegExp, does: ReturnType<typeof denied>): Promise<[Place, AuditError]> => {
    const place = await newPlace()
    place.standIn.faults.push({ request, does, times: 1000 })
    const error = await loadInto(place.open('', { retries: 1 }), DOCUMENTS).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(AuditError)
    return [place, error as AuditError]
  }

  it.each([
    [/POST .*datasets$/, 'bigquery.datasets.create', /roles\/bigquery.user on the project/],
    [/POST .*tables$/, 'bigquery.tables.create', /roles\/bigquery.dataEditor on the dataset/],
    [/POST \/bigquery.*jobs$/, 'bigquery.jobs.create', /roles\/bigquery.jobUser on the project/],
    [/POST \/upload/, 'storage.objects.get', /roles\/storage.objectUser on the staging bucket/],
    [/POST \/upload/, 'storage.buckets.get', /roles\/storage.legacyBucketReader on the staging bucket/],
  ])('of access say which role is missing: %s, %s', async (request, permission, advice) => {
    const [, error] = await failing(request, denied(permission))
    expect(error.message).toContain(`accessDenied: Access Denied: Permission ${permission} denied`)
    expect(error.advice).toMatch(advice)
    expect(error.retryable).toBe(false)
  })

  it.each([
    ['quotaExceeded', true],
    ['billingNotEnabled', true],
    ['accessDenied', true],
    ['notFound', true],
    ['no such reason', true],
    ['invalid', false],
    ['invalidQuery', false],
    ['resourcesExceeded', false],
  ])('of %s lie outside of the data: %s', (reason, outside) => {
    expect(bigqueryError('BigQuery', { reason, message: 'x' })).toMatchObject({ outside })
  })

  it.each([
    ['quotaExceeded', 'Quota exceeded: Your project exceeded quota for free query bytes scanned.', /quotas/],
    ['notFound', 'Not found: Dataset x was not found in location EU', /location=/],
    ['notFound', 'Not found: Table x', /check the spelling/],
    ['billingNotEnabled', 'Billing has not been enabled for this project.', /billing/],
  ])('of %s say what to do', async (reason, message, advice) => {
    const [, error] = await failing(/POST \/upload/, { status: 400, reason, message })
    expect(error.message).toContain(reason)
    expect(error.advice).toMatch(advice)
  })

  it.each([
    [
      'accessNotConfigured',
      'BigQuery API has not been used in project 123 before or it is disabled. Enable it by visiting …',
      /gcloud services enable/,
    ],
    [
      'policyViolation',
      "VPC Service Controls: Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: a1b2",
      /perimeter/,
    ],
    [
      'forbidden',
      'Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.',
      /jobUser/,
    ],
    ['insufficientPermissions', 'Request had insufficient authentication scopes.', /docs\/bigquery\.md/],
    [
      'accessDenied',
      'Access Denied: BigQuery BigQuery: User does not have permission to access policy tag "people : names" on column p.audit.audit_events.actor_email.',
      /categoryFineGrainedReader on the policy tag/,
    ],
    [
      'invalid',
      'Cannot read and write in different locations: source: europe-west4, destination: US',
      /bucket must be in the same location as the dataset/,
    ],
    [
      'accessDenied',
      "Please grant Cloud KMS CryptoKey Encrypter/Decrypter role for service account 'bq-1@bigquery-encryption.iam.gserviceaccount.com' to encrypt/decrypt with projects/k/locations/us/keyRings/r/cryptoKeys/c",
      /cryptoKeyEncrypterDecrypter/,
    ],
  ])('of %s say the cause, what to do, and that no other batch would fare better: %s', (reason, message, advice) => {
    const error = bigqueryError('BigQuery', { reason, message })
    expect(error.message).toContain(message)
    expect(error).toMatchObject({ advice: expect.stringMatching(advice), outside: true, retryable: false })
  })

  it.each([
    ['invalid', 'Error while reading data, error message: Parquet column extra has a page of 90 MB. File: x.parquet'],
    ['invalid', 'Provided Schema does not match Table p:audit.t. Field extra is missing in new schema'],
  ])('of %s that may lie in the data say the cause: %s', (reason, message) => {
    const error = bigqueryError('BigQuery', { reason, message })
    expect(error.message).toContain(message)
    expect(error).toMatchObject({ advice: expect.stringContaining('bq show -j'), outside: false })
  })

  it.each([
    'Query error: Assertion failed: wandb-audit: not every receipt arrived; nothing is loaded at [12:1]',
    'wandb-audit: not every receipt arrived; nothing is loaded',
    'Error in statement 7 of "ada@example.com": wandb-audit: not every receipt arrived; nothing is loaded; ada@example.com',
  ])('of an ASSERT of ours say what it says, and nothing else, wherever that stands: %s', (message) => {
    expect(bigqueryError('BigQuery', { reason: 'invalidQuery', message }).message).toBe(
      'BigQuery: invalidQuery: wandb-audit: not every receipt arrived; nothing is loaded',
    )
  })

  it('never quote a value, whatever BigQuery says', async () => {
    const { standIn, notices, open } = await newPlace()
    const does = { status: 400, reason: 'invalid', message: 'Bad value: ada@example.com in row 1' }
    standIn.faults.push({ request: /POST \/upload/, does, times: 1000 })
    const { failed } = await loadInto(open('', { retries: 1 }), DOCUMENTS)
    expect(`${JSON.stringify(failed)} ${notices.join()}`).not.toContain('ada@example.com')
    expect(failed[0]?.error).toMatch(/: invalid$/)
  })

  it.each([
    ['Could not load the default credentials. Browse to …', 'no login', /gcloud auth application-default login/, false],
    ['invalid_grant', 'no login', /GOOGLE_APPLICATION_CREDENTIALS/, false],
    [
      'request to https://bigquery.googleapis.com failed, reason: socket hang up',
      'an unexpected error',
      /network/,
      true,
    ],
  ])('of the login and the network say what to do: %s', (message, reason, advice, retryable) => {
    const error = bigqueryError('BigQuery', new Error(message))
    expect(error).toMatchObject({ message: `BigQuery: ${reason}`, advice: expect.stringMatching(advice), retryable })
  })
})
