import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Check } from '../../src/contract.js'
import { examined, type Result, type Subject, unopened } from '../../src/doctor/doctor.js'
import { type MachineSettings, machineChecks, nodeVerdict } from '../../src/doctor/machine.js'
import { redacted, redacting } from '../../src/doctor/report.js'
import { AuditError } from '../../src/errors.js'
import { removing } from '../../src/stores/probe.js'
import { never, newFolder } from '../support/load.js'

const check = (name: string, run: Check['run']): Check => ({ name, run })
const fine = check('fine', async () => 'all is well')

async function resultsOf(subjects: readonly Subject[], signal = never, limitMs?: number): Promise<Result[]> {
  async function* all() {
    yield* subjects
  }
  const results = []
  for await (const result of examined(all(), signal, limitMs)) results.push(result)
  return results
}

it('a check that fails, or throws something unexpected, stops no other, and each subject is closed', async () => {
  const closed: string[] = []
  const refuse = check('refuses', async () => {
    throw new AuditError('no', { advice: 'Do this.' })
  })
  const broken = check('broken', async () => {
    throw new TypeError('a value of a record')
  })
  const warns = check('warns', async () => ({ warning: 'odd', cure: 'Do that.' }))
  const close = (name: string) => async () => {
    closed.push(name)
    throw new Error('gone')
  }
  const results = await resultsOf([
    { name: 'one', checks: [refuse, broken, fine], close: close('one') },
    unopened('two', new AuditError('cannot be opened')),
    { name: 'three', checks: [warns], close: close('three') },
  ])
  expect(results.map(({ subject, check, state, message, cure }) => [subject, check, state, message, cure])).toEqual([
    ['one', 'refuses', 'failure', 'no', 'Do this.'],
    [
      'one',
      'broken',
      'failure',
      'an unexpected error (TypeError)',
      'Please report this as a bug, with WANDB_AUDIT_DEBUG=1 set.',
    ],
    ['one', 'fine', 'ok', 'all is well', null],
    ['two', 'open', 'failure', 'cannot be opened', null],
    ['three', 'warns', 'warning', 'odd', 'Do that.'],
  ])
  expect(closed).toEqual(['one', 'three'])
})

it('a check that does not answer fails when its time is over, is told to stop, and the next one runs', async () => {
  let told = false
  const silent = check('silent', (signal) => {
    signal.addEventListener('abort', () => {
      told = true
    })
    return new Promise((_, reject) => signal.addEventListener('abort', reject))
  })
  const results = await resultsOf([{ name: 'one', checks: [silent, fine] }], never, 1)
  expect(results.map(({ state, message }) => `${state} ${message}`)).toEqual([
    'failure there was no answer within 0.001 s',
    'ok all is well',
  ])
  expect(told).toBe(true)
})

it('an interrupt waits until a probe has removed what it made', async () => {
  const stop = new AbortController()
  const steps: string[] = []
  const probe = check('probe', async (signal) => {
    try {
      await new Promise((_, reject) => signal.addEventListener('abort', reject))
      return ''
    } finally {
      await turn()
      steps.push('removed')
    }
  })
  const running = resultsOf([{ name: 'one', checks: [probe, fine] }], stop.signal)
  await turn()
  stop.abort()
  await expect(running).rejects.toMatchObject({ exitCode: 130 })
  expect(steps).toEqual(['removed'])
})

it('what a probe could not remove is named after an interrupt, and when its time is over', async () => {
  const probe = check('probe', (signal) => {
    const work = () =>
      new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(new AuditError('interrupted'))))
    return removing('its object k', work, async () => {
      throw new AuditError('denied')
    })
  })
  const stop = new AbortController()
  const running = resultsOf([{ name: 'one', checks: [probe] }], stop.signal)
  await turn()
  stop.abort()
  await expect(running).rejects.toMatchObject({
    exitCode: 130,
    message: 'interrupted; its object k could not be removed: denied',
  })
  const [over] = await resultsOf([{ name: 'one', checks: [probe] }], never, 1)
  expect(over?.message).toBe('there was no answer within 0.001 s; its object k could not be removed: denied')
})

it.each([
  ['20.18.3', 'failure'],
  ['18.20.0', 'failure'],
  ['20.19.0', 'warning'],
  ['22.1.0', 'ok'],
  ['24.0.0', 'ok'],
])('Node.js %s is %s', async (version, state) => {
  const [result] = await resultsOf([{ name: 'one', checks: [check('node', async () => nodeVerdict(version))] }])
  expect(result?.state).toBe(state)
})

it('a report holds no secret, no address of a person and no home', () => {
  const env = {
    WANDB_API_KEY: 'a-very-secret-key',
    AWS_SECRET_ACCESS_KEY: 'another-secret',
    HOME: '/home/ada',
    PATH: '/bin',
  }
  const clean = redacting(env, ['token/in-a-path', undefined])
  const message =
    'a-very-secret-key another-secret https://h/token/in-a-path ada.lovelace+x@mail.example.com /home/ada/audit.duckdb /bin'
  const result = { subject: '/home/ada', check: 'c', state: 'ok', message, cure: 'ask <bob@example.org>' } as const
  expect(redacted(result, clean)).toEqual({
    ...result,
    subject: '~',
    message: '… … https://h/… …@… ~/audit.duckdb /bin',
    cure: 'ask <…@…>',
  })
})

it.each([
  ['a webhook', { WANDB_AUDIT_WEBHOOK: 'https://hooks.example/services/T0/B0/abcdef' }, 'services/T0/B0/abcdef'],
  ['the login of a proxy', { HTTPS_PROXY: 'http://ada:pass@word@proxy:3128' }, 'pass@word'],
  ['a connection string', { AZURE_STORAGE_CONNECTION_STRING: 'AccountName=a;AccountKey=abcd1234==' }, 'abcd1234'],
  ['a SAS', { AZURE_STORAGE_SAS_URL: '?sv=2024&sp=r' }, 'sv=2024'],
  ['a login in a URL of any other place', { OTHER: 'https://ada:hidden12@host/path' }, 'hidden12'],
  ['a signature in a URL of any other place', { OTHER: 'https://host/path?sig=hidden12&se=1' }, 'hidden12'],
])('a report does not hold %s', (_what, env, secret) => {
  const clean = redacting({ ...env }, [])
  const text = Object.values(env).join()
  expect(text).toContain(secret)
  expect(clean(`could not reach ${text}`)).not.toContain(secret)
})

it('a mistyped variable is to be corrected, and no file to be trusted', async () => {
  const checks = machineChecks({
    ...{ spool: undefined, metrics: undefined, keyFiles: [], warnings: [] },
    unknownVariables: ['the variable WANDB_AUDIT_WEBHOKK is unknown and has no effect'],
  })
  const results = await resultsOf([{ name: 'this machine', checks }])
  expect(results.find(({ check }) => check === 'variables')).toMatchObject({
    state: 'warning',
    message: 'the variable WANDB_AUDIT_WEBHOKK is unknown and has no effect',
    cure: expect.stringContaining('Correct the name'),
  })
  expect(results.find(({ check }) => check === 'settings')?.state).toBe('ok')
})

const NOTHING = { spool: undefined, metrics: undefined, keyFiles: [], warnings: [], unknownVariables: [] } as const

async function machine(settings: Partial<MachineSettings>, name: string): Promise<Result | undefined> {
  const results = await resultsOf([{ name: 'this machine', checks: machineChecks({ ...NOTHING, ...settings }) }])
  return results.find(({ check }) => check === name)
}

it('a key file that is not there, or cannot be looked at, is named with what to do', async () => {
  const path = join(newFolder(), 'key')
  expect(await machine({ keyFiles: [['the key of seals', path]] }, 'private files')).toMatchObject({
    state: 'failure',
    message: `the key of seals ${path}: there is no such file`,
    cure: 'Create it, or correct its path.',
  })
  symlinkSync(path, path)
  expect(await machine({ keyFiles: [['the key of seals', path]] }, 'private files')).toMatchObject({
    state: 'failure',
    message: `the key of seals ${path}: ELOOP`,
    cure: 'Let this user read it, or name another file.',
  })
})

it('a metrics file that is another program’s is not said to be replaceable', async () => {
  const metrics = join(newFolder(), 'm.prom')
  expect(await machine({ metrics }, 'metrics')).toMatchObject({ state: 'ok' })
  writeFileSync(metrics, 'up 1\n')
  expect(await machine({ metrics }, 'metrics')).toMatchObject({
    state: 'failure',
    message: expect.stringContaining('was not written by wandb-audit'),
    cure: expect.stringContaining('name a new file'),
  })
})

it('settings that could not be read are not said to be readable', async () => {
  expect(await machine({ warnings: null }, 'settings')).toBeUndefined()
})
