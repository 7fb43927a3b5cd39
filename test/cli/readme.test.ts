/**
 * What the pages tell people to type. In docs/start.md, a block marked `sh` is run as it stands, all of them in one folder
 * and in their order, apart from its lines with `make`; a block marked otherwise needs more than this machine has.
 */

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { writeBucket } from '../../src/demo/bucket.js'
import { startWandbApi } from '../../src/demo/wandb-api.js'
import { EXIT } from '../../src/errors.js'
import { inCheckout, newFolder, run, summaryOf } from './support.js'

interface Block {
  readonly page: string
  readonly language: string
  readonly text: string
}

const PAGES = ['README.md', ...readdirSync(inCheckout('docs')).map((name) => join('docs', name))].filter((name) =>
  name.endsWith('.md'),
)

function blocksOf(page: string): Block[] {
  const text = readFileSync(inCheckout(page), 'utf8')
  return [...text.matchAll(/^```(\w*)[^\n]*\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    page,
    language,
    text: code,
  }))
}

const BLOCKS = PAGES.flatMap(blocksOf)
const MAKE = /^\s*make (?<target>[a-z-]+)/

const SCRIPTS = BLOCKS.filter(({ page, language }) => page === 'docs/start.md' && language === 'sh')
  .map(({ text }) => text.split('\n').filter((line) => line.trim() !== '' && !MAKE.test(line)))
  .filter((lines) => lines.length > 0)
  .map((lines) => lines.join('\n'))

describe('the commands in docs/start.md', () => {
  it('run as they stand', { timeout: 180_000 }, async () => {
    expect(SCRIPTS.length).toBeGreaterThan(2)
    const cwd = newFolder()
    symlinkSync(inCheckout('bin'), join(cwd, 'bin'))
    const script = ['set -euo pipefail', ...SCRIPTS].join('\n')
    const { stdout } = await promisify(execFile)('bash', ['-c', script], {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd },
    })
    expect(stdout).toContain('read 1 = 1 inserted')
    expect(readdirSync(cwd)).toEqual(expect.arrayContaining(['audit.duckdb', 'activity.csv', 'fixed.ndjson']))
    expect(readFileSync(join(cwd, 'activity.csv'), 'utf8')).toMatch(/^day,.*\r\n2023-01-23,/)
  })
})

describe('every page', () => {
  it('names targets of make that exist', () => {
    const targets = [...readFileSync(inCheckout('Makefile'), 'utf8').matchAll(/^([a-z-]+):.*## /gm)].map(
      ([, name]) => name,
    )
    const named = BLOCKS.flatMap(({ text }) => text.split('\n').map((line) => MAKE.exec(line)?.groups?.target))
    expect(named).toContain('demo')
    expect(targets).toEqual(expect.arrayContaining(named.filter((target) => target !== undefined)))
  })

  it('names commands and flags that the program has', async () => {
    const named = BLOCKS.flatMap(({ page, text }) =>
      text
        .replaceAll('\\\n', ' ')
        .split('\n')
        .flatMap((line) =>
          [...line.matchAll(/\bwandb-audit (?<command>[a-z]+)(?<rest>[^|;&)#]*)/g)].map(({ groups }) => ({
            line: `${page}: ${line.trim()}`,
            command: groups?.command ?? '',
            flags: groups?.rest?.match(/(?<=\s)--[a-z-]+/g) ?? [],
          })),
        ),
    )
    const commands = [...new Set(named.map(({ command }) => command))]
    expect(commands).toEqual(expect.arrayContaining(['load', 'query', 'status', 'rejects']))
    const helps = new Map<string, string>()
    for (const command of commands) {
      const { code, stdout } = await run([command, '--help'])
      expect(code, `wandb-audit ${command}`).toBe(0)
      helps.set(command, stdout)
    }
    for (const { line, command, flags } of named)
      for (const flag of flags) expect(helps.get(command), line).toMatch(new RegExp(`^  ${flag}\\b`, 'm'))
  })

  it('has the settings that there are', () => {
    const reference = readFileSync(inCheckout('docs/reference.md'), 'utf8')
    const schema = JSON.parse(readFileSync(inCheckout('schemas/generated/settings.schema.json'), 'utf8'))
    for (const name of Object.keys(schema.properties))
      expect(reference).toMatch(
        new RegExp(
          `^\\| \`${name}\` \\| (?:\`--${name.replaceAll('_', '-')}\`|–) \\| \`WANDB_AUDIT_${name.toUpperCase()}\``,
          'm',
        ),
      )
  })
})

describe('exit codes', () => {
  it('are all explained, with the same words in the help, docs/reference.md and docs/scheduling.md', async () => {
    const rowsOf = (page: string) =>
      [...readFileSync(inCheckout(page), 'utf8').matchAll(/^\| (\d+) \| (.*?) \|/gm)].map(([, code, meaning]) => [
        code,
        meaning?.replaceAll('`', ''),
      ])
    const { stdout } = await run(['--help'])
    const [, lines = ''] = stdout.split('Exit codes:\n')
    const help = [...lines.matchAll(/^ {2}(\d+) +(.*)$/gm)].map(([, code, meaning]) => [code, meaning])
    expect(help.map(([code]) => Number(code))).toEqual([...new Set(Object.values(EXIT))].sort((a, b) => a - b))
    expect(rowsOf('docs/reference.md')).toEqual(help)
    expect(rowsOf('docs/scheduling.md')).toEqual(help)
  })
})

describe('docs/queries.md', () => {
  const cwd = newFolder()
  const queries = BLOCKS.filter(({ page, language }) => page === 'docs/queries.md' && language === 'sql')

  beforeAll(async () => {
    const size = { seed: 1, eventsPerDay: 60 }
    const now = new Date()
    await writeBucket(join(cwd, 'bucket'), { ...size, renamedAt: null }, 30, now)
    await summaryOf(['load', '--from', 'bucket'], { cwd })
    const api = await startWandbApi({ ...size, key: 'key', now: () => now })
    await summaryOf(['backfill', '--days', '7', '--from', api.url], { cwd, env: { WANDB_API_KEY: 'key' } })
    await api.close()
  })

  it('has questions', () => {
    expect(queries.length).toBeGreaterThan(5)
  })

  it.each(queries.map(({ text }) => ({ sql: text.trim(), start: text.slice(0, text.indexOf('\n')) })))(
    'answers $start …',
    async ({ sql }) => {
      const { code, stdout, stderr } = await run(['query', sql, '--format', 'ndjson'], { cwd })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const rows = stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
      if (sql.includes('AS hashes_found')) expect(rows[0].hashes_found).toBe(rows[0].events)
      if (sql.includes('AS adds_up')) expect(rows.every((row) => row.adds_up)).toBe(true)
    },
  )
})
