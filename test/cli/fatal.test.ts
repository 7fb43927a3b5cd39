/** What a command that fails says to programs: its last words as JSON, and the summary of what it did. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ndjson, newFolder, run, runProgram } from './support.js'

const fatalOf = (stderr: string) => {
  const lines = stderr.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line)).at(-1)
}

describe('--log-format json', () => {
  it.each([
    [['load', '--log-format', 'json'], {}, /no source is named/],
    [['query', 'SELECT 1', '--log-format=json'], {}, /the file does not exist yet/],
    [['load', '--from', 'nowhere'], { WANDB_AUDIT_LOG_FORMAT: 'json', WANDB_AUDIT_MEMORY: 'much' }, /the environment/],
    [['load', '--no-such-option', '--log-format', 'json'], {}, /unknown option/],
    [['query', '--format', 'https://me:secret@host/', '--log-format', 'json'], {}, /is invalid/],
  ])('makes the last words of %j JSON too', async (args, env, message) => {
    const { code, stderr } = await run(args, { env })
    expect(code).toBeGreaterThan(0)
    expect(fatalOf(stderr)).toMatchObject({ level: 'fatal', msg: expect.stringMatching(message) })
    expect(stderr).not.toContain('secret')
  })

  it('has the advice and the place in a query, and holds for a settings file', async () => {
    const cwd = newFolder()
    writeFileSync(join(cwd, 'a.ndjson'), ndjson({ timestamp: '2026-10-01T12:00:00Z', action: 'user:login' }))
    writeFileSync(join(cwd, 'audit.yaml'), 'log_format: json\n')
    await run(['load', '--from', 'a.ndjson'], { cwd })
    const { stderr } = await run(['query', 'SELECT acton FROM audit_events', '--config', 'audit.yaml'], { cwd })
    expect(fatalOf(stderr).err).toEqual({
      message: expect.stringContaining('Referenced column'),
      excerpt: ['LINE 1: SELECT acton FROM audit_events', '               ^'],
      advice: expect.stringContaining('Did you mean action'),
    })
    expect((await run(['query', 'SELECT acton FROM audit_events'], { cwd })).stderr).toMatch(/^wandb-audit: /)
  })

  it('is kept by the process that does the work', async () => {
    const { code, stderr } = await runProgram(['load', '--log-format', 'json'])
    expect({ code, level: fatalOf(stderr).level }).toEqual({ code: 2, level: 'fatal' })
  })
})

describe('--output json', () => {
  it('has a summary of a run that failed', async () => {
    const { code, stdout, stderr } = await run(['load', '--output', 'json'])
    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({
      documents: 0,
      failed: [],
      error: { message: 'no source is named', advice: expect.stringContaining('--from') },
    })
    expect(stderr).toContain('no source is named')
  })
})

describe('a mistyped name', () => {
  it('of a variable is answered with the nearest', async () => {
    const env = {
      WANDB_AUDIT_RETIAN: '6y',
      WANDB_AUDIT_ZZZZ: '1',
      WANDB_AUDIT_TEST_S3: 'x',
      WANDB_AUDIT_SIGN_KEY_PEM: '',
    }
    const { stderr } = await run(['query', 'SELECT 1'], { env })
    expect(stderr).toContain('WANDB_AUDIT_RETIAN is unknown and has no effect; did you mean WANDB_AUDIT_RETAIN?')
    expect(stderr).toMatch(/WANDB_AUDIT_ZZZZ is unknown and has no effect\n/)
    expect(stderr).not.toMatch(/TEST_S3|SIGN_KEY/)
  })

  it('of a setting too, also of one below privacy', async () => {
    const cwd = newFolder()
    writeFileSync(join(cwd, 'a.yaml'), 'retian: 6y\n')
    writeFileSync(join(cwd, 'b.yaml'), 'privacy: { actor_mail: drop }\n')
    const answers = []
    for (const file of ['a.yaml', 'b.yaml']) answers.push(await run(['query', 'SELECT 1', '--config', file], { cwd }))
    expect(answers.map(({ code }) => code)).toEqual([2, 2])
    expect(answers[0]?.stderr).toMatch(/retian.*\n {2}Did you mean retain\?/)
    expect(answers[1]?.stderr).toMatch(/actor_mail.*\n {2}Did you mean actor_email\?/)
  })
})
