import { describe, expect, it } from 'vitest'
import { parseBytes, parseDuration, SETTING_VARIABLES, settings } from '../../schemas/settings.js'
import { AuditError } from '../../src/errors.js'

describe('settings', () => {
  it('are all optional', () => {
    expect(settings.parse({})).toEqual({})
  })

  it('take every documented value', () => {
    const all = {
      from: ['https://acme.wandb.io', 's3://logs'],
      to: 'duckdb:audit.duckdb',
      archive: 'gs://kept/wandb',
      retain: '6y',
      sign_key: 'key.pem',
      anchor: 'https://hooks.example.com/seals',
      metrics: '/var/lib/node_exporter/wandb-audit.prom',
      ping: 'https://hc-ping.com/x',
      privacy: { actor_email: 'pseudonym', actor_ip: 'truncate', rejects: 'keep' },
      detections: { deletion_burst: { enabled: true, deletions: 10 }, new_network: { by: 'address' } },
      webhook: 'https://hooks.example.com/x',
      webhook_form: 'json',
      memory: '1GB',
      spool: '/var/tmp/audit',
      max_document_bytes: '5GB',
      document_timeout: '30m',
      max_rejects: 0,
      log_format: 'json',
      quiet: true,
      username: 'ada',
      anonymize: false,
      api: 'multi-tenant',
      overlap: '36h',
      insecure_http: false,
      concurrency: 4,
      follow_links: true,
      every: '10m',
    }
    expect(settings.parse(all)).toEqual(all)
    expect(Object.keys(SETTING_VARIABLES)).toEqual(Object.keys(all))
  })

  it.each([
    { api_key: 'secret' },
    { From: 'a' },
    { from: '' },
    { from: [] },
    { to: [7] },
    { memory: 'lots' },
    { memory: 1e9 },
    { max_document_bytes: 5e9 },
    { document_timeout: '0h' },
    { max_rejects: -1 },
    { max_rejects: 1.5 },
    { log_format: 'xml' },
    { quiet: 'yes' },
    { api: 'newest' },
    { overlap: 'P1D' },
    { archive: '' },
    { retain: '0y' },
    { retain: 'forever' },
    { privacy: { actor_email: 'truncate' } },
    { privacy: { actor_user_id: 'drop' } },
    { detections: { no_such: {} } },
    { detections: { deletion_burst: { deletions: 0 } } },
    { detections: { deletion_burst: { deletes: 1 } } },
    { detections: { admin_outside_hours: { time_zone: 'Mars/Olympus' } } },
    { webhook_form: 'teams' },
    { every: 10 },
    { every: '0m' },
  ])('refuse %j', (value) => {
    expect(settings.safeParse(value).success).toBe(false)
  })

  it('each have an environment variable and a description', () => {
    expect(SETTING_VARIABLES.max_rejects.variable).toBe('WANDB_AUDIT_MAX_REJECTS')
    for (const { variable, description } of Object.values(SETTING_VARIABLES)) {
      expect(variable).toMatch(/^WANDB_AUDIT_[A-Z_]+$/)
      expect(description).toMatch(/^[A-Z].*\.$/)
    }
  })

  it('say where secrets belong instead', () => {
    expect(settings.meta()?.description).toMatch(/holds no keys: the W&B API key stays in the environment/)
  })
})

describe('parseBytes', () => {
  it.each([
    ['1B', 1],
    ['1KB', 1000],
    ['512MB', 512_000_000],
    ['1GB', 1_000_000_000],
    ['1KiB', 1024],
    ['1MiB', 1_048_576],
    ['2GiB', 2_147_483_648],
    ['1.5 gb', 1_500_000_000],
    ['4.35KB', 4350],
    ['0.0016KB', 2],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })

  it.each(['', '1', 'GB', '-1GB', '1TB', '1 G B', '1GB ', '1e3MB', '0B', '0.1B', '99999999GB', '1,5GB'])(
    'refuses %j',
    (text) => {
      expect(() => parseBytes(text)).toThrow(AuditError)
    },
  )
})

describe('parseDuration', () => {
  it.each([
    ['0d', 0],
    ['30s', 30_000],
    ['10m', 600_000],
    ['36h', 129_600_000],
    ['1d', 86_400_000],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })

  it.each(['', '1', 'd', '-1d', '1.5h', '1w', '1 d', '1D', '999999999999999d'])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow(AuditError)
  })
})
