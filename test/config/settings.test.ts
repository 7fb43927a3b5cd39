import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SETTING_VARIABLES, type Settings } from '../../schemas/settings.js'
import { requireSources, resolveSettings, SETTINGS_FILE } from '../../src/config/settings.js'
import { AuditError } from '../../src/errors.js'

const folder = mkdtempSync(join(tmpdir(), 'wandb-audit-settings-'))
afterAll(() => rmSync(folder, { recursive: true }))

// Worker threads cannot change their folder; the forks these tests run in can.
const home = process.cwd()
beforeEach(() => process.chdir(folder))
afterEach(() => {
  process.chdir(home)
  rmSync(join(folder, SETTINGS_FILE), { force: true })
  vi.unstubAllEnvs()
})

const yaml = (text: string, name = SETTINGS_FILE): void => writeFileSync(join(folder, name), text)

function refusal(work: () => unknown): AuditError {
  try {
    work()
  } catch (error) {
    if (error instanceof AuditError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('without any setting', () => {
  it('the defaults stand', () => {
    expect(resolveSettings({}, {}, undefined)).toEqual({
      from: [],
      to: ['duckdb:audit.duckdb'],
      memoryBytes: 1e9,
      limits: { maxBytes: 16e9, timeoutMs: 6 * 3_600_000 },
    })
  })

  it('the source is WANDB_BASE_URL, where W&B has its own', () => {
    expect(resolveSettings({}, { WANDB_BASE_URL: 'https://acme.wandb.io' }, undefined).from).toEqual([
      'https://acme.wandb.io',
    ])
    expect(resolveSettings({}, { WANDB_BASE_URL: '' }, undefined).from).toEqual([])
    expect(resolveSettings({ from: ['logs'] }, { WANDB_BASE_URL: 'https://acme.wandb.io' }, undefined).from).toEqual([
      'logs',
    ])
  })

  it('a command that needs a source says how to name one', () => {
    const error = refusal(() => requireSources(resolveSettings({}, {}, undefined)))
    expect(error).toMatchObject({ exitCode: 2, message: 'no source is named' })
    expect(error.advice).toContain('--from')
  })
})

describe('a setting', () => {
  it('comes from the flags, else the environment, else the file', () => {
    yaml('memory: 3GB\nspool: file\nusername: file\n')
    const env = { WANDB_AUDIT_MEMORY: '2GB', WANDB_AUDIT_SPOOL: 'environment' }
    expect(resolveSettings({ memory: '1GiB' }, env, undefined)).toMatchObject({
      memoryBytes: 2 ** 30,
      spool: 'environment',
      username: 'file',
    })
  })

  it('of addresses replaces, and does not add to, what comes after it', () => {
    yaml('to: [duckdb:a.duckdb, duckdb:b.duckdb]\n')
    expect(resolveSettings({}, {}, undefined).to).toEqual(['duckdb:a.duckdb', 'duckdb:b.duckdb'])
    expect(resolveSettings({ to: ['duckdb:c.duckdb'] }, {}, undefined).to).toEqual(['duckdb:c.duckdb'])
  })

  const VALUES: Required<Settings> = {
    from: ['a.ndjson', 'b.ndjson'],
    to: ['duckdb:a.duckdb'],
    memory: '2GB',
    spool: 'spool',
    max_document_bytes: '5GB',
    document_timeout: '30m',
    max_rejects: 0,
    log_format: 'json',
    quiet: true,
    username: 'ada',
    anonymize: false,
    api: 'multi-tenant',
    overlap: '36h',
    insecure_http: true,
    every: '10m',
    concurrency: 3,
  }

  it.each(Object.entries(SETTING_VARIABLES))(
    '%s is the same from the environment and from a file',
    (name, variable) => {
      const value = VALUES[name as keyof Settings]
      yaml(JSON.stringify({ [name]: value }), 'other.yaml')
      const fromFile = resolveSettings({}, {}, 'other.yaml')
      expect(resolveSettings({}, { [variable.variable]: String(value) }, undefined)).toEqual(fromFile)
      expect(fromFile).not.toEqual(resolveSettings({}, {}, undefined))
    },
  )

  it('of addresses may stand on lines in the environment, and an empty variable is none', () => {
    const env = { WANDB_AUDIT_FROM: 'a.ndjson\n b.ndjson ,c.ndjson\n', WANDB_AUDIT_TO: '' }
    const { from, to } = resolveSettings({}, env, undefined)
    expect(from).toEqual(['a.ndjson', 'b.ndjson', 'c.ndjson'])
    expect(to).toEqual(['duckdb:audit.duckdb'])
  })
})

describe('what is no setting is refused with exit code 2, by its name and where it stands', () => {
  it.each([
    { text: 'form: logs\n', named: /^settings file wandb-audit\.yaml: .*"form"/ },
    { text: 'api_key: hush\n', named: /"api_key"/ },
    { text: 'max_rejects: -1\n', named: /max_rejects/ },
    { text: 'memory: lots\n', named: /expected a size, for example 512MB.*memory/ },
    { text: 'every: 0s\n', named: /more than zero.*every/ },
    { text: 'from: []\n', named: /from/ },
    { text: '- from\n', named: /expected object/ },
    { text: 'from: [\n', named: /cannot be read as YAML/ },
  ])('$text', ({ text, named }) => {
    yaml(text)
    const error = refusal(() => resolveSettings({}, {}, undefined))
    expect(error.exitCode).toBe(2)
    expect(error.message).toMatch(named)
    expect(error.message).not.toContain('hush')
  })

  it.each([
    { WANDB_AUDIT_MAX_REJECTS: 'few' },
    { WANDB_AUDIT_MAX_REJECTS: ' ' },
    { WANDB_AUDIT_QUIET: 'yes' },
    { WANDB_AUDIT_LOG_FORMAT: 'xml' },
    { WANDB_AUDIT_API: 'newest' },
  ])('%o', (env) => {
    const error = refusal(() => resolveSettings({}, env, undefined))
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(/^the environment: /) })
  })

  it('and so is a file that is not there, but only when it is named', () => {
    expect(refusal(() => resolveSettings({}, {}, 'nowhere.yaml'))).toMatchObject({
      exitCode: 2,
      message: 'settings file nowhere.yaml: there is no such file',
    })
    expect(resolveSettings({}, {}, undefined).from).toEqual([])
  })

  it('an empty file is none', () => {
    yaml('# nothing yet\n')
    expect(resolveSettings({}, {}, undefined).from).toEqual([])
  })
})
