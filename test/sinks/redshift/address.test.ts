import { describe, expect, it } from 'vitest'
import { parseRedshiftAddress } from '../../../sinks/redshift/address.js'
import { EXIT } from '../../../src/errors.js'

describe('an address of Redshift', () => {
  it('names a serverless workgroup', () => {
    const address = 'redshift://main/audit?staging=s3://bucket/below&region=eu-central-1'
    expect(parseRedshiftAddress(address)).toEqual({
      id: 'redshift://main/audit',
      target: { Database: 'audit', WorkgroupName: 'main' },
      place: { schema: 'public', prefix: '' },
      staging: 's3://bucket/below?region=eu-central-1',
      iamRole: 'default',
      region: 'eu-central-1',
      endpoint: undefined,
    })
  })

  it.each([
    ['db_user=loader', { ClusterIdentifier: 'old', DbUser: 'loader' }],
    ['provisioned=true', { ClusterIdentifier: 'old' }],
    [
      'provisioned=true&secret_arn=arn:aws:secretsmanager:x',
      { ClusterIdentifier: 'old', SecretArn: 'arn:aws:secretsmanager:x' },
    ],
    ['secret_arn=arn:aws:secretsmanager:x', { WorkgroupName: 'old', SecretArn: 'arn:aws:secretsmanager:x' }],
    ['provisioned=false', { WorkgroupName: 'old' }],
  ])('with %s names whom to ask, and as whom', (options, target) => {
    expect(parseRedshiftAddress(`redshift://old/audit?${options}`).target).toEqual({ Database: 'audit', ...target })
  })

  it('takes an endpoint of the staging place with it', () => {
    const { staging } = parseRedshiftAddress(
      'redshift://main/audit?staging=s3://bucket/x?endpoint=http://127.0.0.1:9000',
    )
    expect(staging).toBe('s3://bucket/x?endpoint=http://127.0.0.1:9000')
  })

  it.each([
    ['without a database', 'redshift://main'],
    ['with more than a database', 'redshift://main/audit/public'],
    ['of no workgroup', 'redshift:///audit'],
    ['with a quote in a name', 'redshift://main/audit?schema=a"b'],
    ['with a quote in a prefix', "redshift://main/audit?table_prefix=a'b"],
    ['with an upper-case schema, which Redshift folds', 'redshift://main/audit?schema=Audit'],
    ['with a role that is none', "redshift://main/audit?iam_role=x' --"],
    ['with a role that only begins like one', "redshift://main/audit?iam_role=arn:aws:iam::123456789012:role/x'y"],
    ['that stages elsewhere than in S3', 'redshift://main/audit?staging=gs://bucket'],
    ['with a user and a secret', 'redshift://old/audit?db_user=a&secret_arn=b'],
    ['with an unknown option', 'redshift://main/audit?password=secret'],
    ['with a login', 'redshift://user:secret@main/audit'],
    ['that would send its requests in the clear', 'redshift://main/audit?endpoint=http://example.com'],
  ])('%s is refused, and told without its options', (_what, address) => {
    const parsing = (): unknown => parseRedshiftAddress(address)
    expect(parsing).toThrow(expect.objectContaining({ exitCode: EXIT.usage }))
    expect(parsing).not.toThrow(/secret$|' --/)
  })
})
