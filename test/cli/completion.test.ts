/** Completion in shells. Bash is asked itself; of zsh and fish it is checked that everything is there, quoted. */

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { newFolder, run } from './support.js'

const scriptOf = async (shell: string): Promise<string> => (await run(['completion', shell])).stdout

describe('in bash', () => {
  const file = join(newFolder(), 'completion')
  beforeAll(async () => writeFileSync(file, await scriptOf('bash')))

  const completed = async (...words: readonly string[]): Promise<string[]> => {
    const ask = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _wandb_audit; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = await promisify(execFile)('bash', ['-c', ask, 'bash', file, 'wandb-audit', ...words])
    return stdout.split('\n').filter(Boolean)
  }

  it.each([
    [['que'], ['query']],
    [['query', '--for'], ['--format']],
    [['query', '--format', 'm'], ['markdown']],
    [
      ['load', '--log-format', ''],
      ['text', 'json'],
    ],
    [['load', '--from', ''], []],
    [['archive', 'ch'], ['check']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', '--help'],
    ],
    [['nothing', '--'], []],
  ])('%j becomes %j', async (words, expected) => {
    expect(await completed(...words)).toEqual(expected)
  })
})

describe.each(['bash', 'zsh', 'fish'])('the script for %s', (shell) => {
  it('has every command with its options', async () => {
    const script = await scriptOf(shell)
    const { stdout: help } = await run(['--help'])
    const commands = [...(help.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name)
    expect(commands).toEqual(expect.arrayContaining(['load', 'query', 'completion']))
    for (const command of commands.filter((name) => name !== 'help')) {
      expect(script).toContain(command)
      const { stdout } = await run([command ?? '', '--help'])
      for (const [, flag = ''] of stdout.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm))
        if (!['help', 'version'].includes(flag))
          expect(script, `${command} --${flag}`).toContain(shell === 'fish' ? `-l ${flag}` : `--${flag}`)
    }
  })
})

it('knows no other shell', async () => {
  const { code, stderr } = await run(['completion', 'tcsh'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/Allowed choices are bash, zsh, fish/)
})
