import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SETTING_VARIABLES, type Settings } from '../../schemas/settings.js'
import { requireSources, resolveSettings, SETTINGS_FILE } from '../../src/config/settings.js'
import { recordTrust, removeTrust, trustOf } from '../../src/config/trust.js'
import { AuditError } from '../../src/errors.js'

const folder = mkdtempSync(join(tmpdir(), 'wandb-audit-settings-'))
const env = { XDG_CONFIG_HOME: join(folder, 'config') }
afterAll(() => rmSync(folder, { recursive: true }))

// Worker threads cannot change their folder; the forks these tests run in can.
const home = process.cwd()
beforeEach(() => process.chdir(folder))
afterEach(() => {
  process.chdir(home)
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  vi.unstubAllEnvs()
})

const yaml = (text: string, name = SETTINGS_FILE): void => {
  writeFileSync(join(folder, name), text)
  chmodSync(join(folder, name), 0o600)
}

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
      warnings: [],
      unknownVariables: [],
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
    const given = { WANDB_AUDIT_MEMORY: '2GB', WANDB_AUDIT_SPOOL: 'environment' }
    expect(resolveSettings({ memory: '1GiB' }, given, SETTINGS_FILE)).toMatchObject({
      memoryBytes: 2 ** 30,
      spool: 'environment',
      username: 'file',
    })
  })

  it('of addresses replaces, and does not add to, what comes after it', () => {
    yaml('to: [duckdb:a.duckdb, duckdb:b.duckdb]\n')
    expect(resolveSettings({}, {}, SETTINGS_FILE).to).toEqual(['duckdb:a.duckdb', 'duckdb:b.duckdb'])
    expect(resolveSettings({ to: ['duckdb:c.duckdb'] }, {}, SETTINGS_FILE).to).toEqual(['duckdb:c.duckdb'])
  })

  const VALUES: Required<Settings> = {
    from: ['a.ndjson', 'b.ndjson'],
    to: ['duckdb:a.duckdb'],
    archive: 's3://kept',
    retain: '6y',
    sign_key: 'seal-key.pem',
    anchor: 's3://other',
    metrics: 'wandb_audit.prom',
    ping: 'https://hc-ping.com/secret',
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
    privacy: { actor_email: 'pseudonym', actor_ip: 'truncate', extra: 'drop' },
    detections: {
      shared_address: { enabled: false },
      admin_outside_hours: { time_zone: 'Europe/Berlin', days: ['sat'] },
    },
    webhook: 'https://hooks.slack.com/services/x',
    webhook_form: 'slack',
    follow_links: true,
    concurrency: 3,
  }

  const inVariable = (value: unknown): string =>
    typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value)

  it.each(Object.entries(SETTING_VARIABLES))(
    '%s is the same from the environment and from a file',
    (name, variable) => {
      const value = VALUES[name as keyof Settings]
      yaml(JSON.stringify({ [name]: value }), 'other.yaml')
      const fromFile = resolveSettings({}, {}, 'other.yaml')
      expect(resolveSettings({}, { [variable.variable]: inVariable(value) }, undefined)).toEqual(fromFile)
      expect(fromFile).not.toEqual(resolveSettings({}, {}, undefined))
    },
  )

  it('of addresses may stand on lines in the environment, and an empty variable is none', () => {
    const given = { WANDB_AUDIT_FROM: 'a.ndjson\n b.ndjson ,c.ndjson\n', WANDB_AUDIT_TO: '' }
    const { from, to } = resolveSettings({}, given, undefined)
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
    const error = refusal(() => resolveSettings({}, {}, SETTINGS_FILE))
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
  ])('%o', (given) => {
    const error = refusal(() => resolveSettings({}, given, undefined))
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
    expect(resolveSettings({}, {}, SETTINGS_FILE).from).toEqual([])
  })
})

describe('a settings file in the working folder', () => {
  const content = Buffer.from('from: https://elsewhere.example\n')
  const resolved = () => resolveSettings({}, env, undefined)
  const records = (): string => join(env.XDG_CONFIG_HOME, 'wandb-audit', 'trusted')

  it('that nobody trusts is ignored, whatever stands in it, and the operator is told what to do', () => {
    for (const text of [String(content), 'from: [\n', 'api_key: hush\n']) {
      yaml(text)
      const { from, warnings } = resolved()
      expect(from).toEqual([])
      expect(warnings).toEqual([expect.stringMatching(/wandb-audit\.yaml .* ignored: .*`wandb-audit trust`.*--config/)])
    }
  })

  it('counts when it is trusted, named, or named by WANDB_AUDIT_CONFIG', () => {
    yaml(String(content))
    const from = ['https://elsewhere.example']
    expect(resolveSettings({}, env, SETTINGS_FILE)).toMatchObject({ from, warnings: [] })
    expect(resolveSettings({}, { ...env, WANDB_AUDIT_CONFIG: SETTINGS_FILE }, undefined)).toMatchObject({ from })
    recordTrust(SETTINGS_FILE, content, env)
    expect(resolved()).toMatchObject({ from, warnings: [] })
    removeTrust(SETTINGS_FILE, env)
    expect(resolved().from).toEqual([])
  })

  it('is trusted no longer when a byte of it changed, and again when it is as it was', () => {
    recordTrust(SETTINGS_FILE, content, env)
    yaml(`${content}#`)
    expect(resolved()).toMatchObject({ from: [], warnings: [expect.stringContaining('has changed')] })
    yaml(String(content))
    expect(resolved().warnings).toEqual([])
  })

  it('is trusted in its own folder alone', () => {
    yaml(String(content))
    recordTrust(SETTINGS_FILE, content, env)
    const other = join(folder, 'other')
    mkdirSync(other)
    writeFileSync(join(other, SETTINGS_FILE), content)
    process.chdir(other)
    expect(resolved().from).toEqual([])
  })

  it('is the same file by way of a link to its folder', () => {
    symlinkSync(folder, join(folder, 'link'))
    yaml(String(content))
    recordTrust(join(folder, 'link', SETTINGS_FILE), content, env)
    expect(resolved().warnings).toEqual([])
  })

  it('has its trust recorded for the user alone, and a record that others can write does not count', () => {
    yaml(String(content))
    recordTrust(SETTINGS_FILE, content, env)
    const [name = ''] = readdirSync(records())
    const modeOf = (path: string): number => statSync(path).mode & 0o777
    expect([modeOf(records()), modeOf(join(records(), '..')), modeOf(join(records(), name))]).toEqual([
      0o700, 0o700, 0o600,
    ])
    chmodSync(join(records(), name), 0o622)
    expect(trustOf(SETTINGS_FILE, content, env)).toBe('unknown')
  })

  it('that is a pipe, a folder or much too long keeps no command from running', () => {
    const path = join(folder, SETTINGS_FILE)
    const plants = [
      () => execFileSync('mkfifo', [path]),
      () => mkdirSync(path),
      () => symlinkSync('/dev/zero', path),
      () => writeFileSync(path, Buffer.alloc((1 << 20) + 1)),
    ]
    for (const plant of plants) {
      plant()
      expect(resolved()).toMatchObject({ from: [], warnings: [expect.stringContaining('is ignored')] })
      rmSync(path, { recursive: true })
    }
  })

  it('that is named and that others can change comes with a warning', () => {
    yaml(String(content))
    for (const mode of [0o620, 0o602]) {
      chmodSync(join(folder, SETTINGS_FILE), mode)
      expect(resolveSettings({}, env, SETTINGS_FILE).warnings).toEqual([
        expect.stringContaining('other users can change'),
      ])
    }
  })

  it('that is named and is a pipe is refused rather than waited for', () => {
    execFileSync('mkfifo', [join(folder, SETTINGS_FILE)])
    expect(refusal(() => resolveSettings({}, env, SETTINGS_FILE)).message).toContain('is a pipe, not a file')
  })
})
