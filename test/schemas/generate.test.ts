import { execFile } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ACTIONS } from '../../schemas/actions.js'
import { TABLES } from '../../schemas/tables.js'
import { SINKS } from '../../sinks/index.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TSX = createRequire(import.meta.url).resolve('tsx/cli')
const FILES = [
  'schemas/generated/record.schema.json',
  'schemas/generated/settings.schema.json',
  'schemas/generated/duckdb.sql',
  'schemas/generated/redshift.sql',
  'schemas/generated/detections-bigquery.sql',
  'docs/data-dictionary.md',
]

/** Written by hand, but for a part between two marks. */
const WITH_PART = [
  'README.md',
  'docs/detections.md',
  'docs/fabric.md',
  'docs/pandas.md',
  'docs/privacy.md',
  'docs/reference.md',
  'docs/scheduling.md',
  ...SINKS.flatMap(({ guide }) => guide ?? []),
]

/** Runs schemas/generate.ts in a working directory. */
const generate = (cwd: string, ...args: string[]) =>
  new Promise<{ code: number | null; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [TSX, join(ROOT, 'schemas/generate.ts'), ...args],
      { cwd },
      (_, __, stderr) => resolve({ code: child.exitCode, stderr }),
    )
  })

describe('npm run generate', () => {
  it('leaves nothing to do in the repository', async () => {
    expect(await generate(ROOT, '--check')).toEqual({ code: 0, stderr: '' })
  })

  it('names every stale file, and writes each the same again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'generate-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await mkdir(join(folder, 'docs'))
    for (const file of WITH_PART) {
      const text = await readFile(join(ROOT, file), 'utf8')
      await writeFile(join(folder, file), text.replace(/(<!-- ([\w ]+) -->\n)[\s\S]*?(<!-- \/\2 -->)/g, '$1$3'))
    }
    const empty = await generate(folder, '--check')
    expect(empty.code).toBe(1)
    for (const file of [...FILES, ...WITH_PART]) expect(empty.stderr).toContain(`stale: ${file}`)

    expect((await generate(folder)).code).toBe(0)
    for (const file of [...FILES, ...WITH_PART])
      expect(await readFile(join(folder, file), 'utf8')).toBe(await readFile(join(ROOT, file), 'utf8'))

    await appendFile(join(folder, 'schemas/generated/duckdb.sql'), '-- edited by hand\n')
    const edited = await generate(folder, '--check')
    expect(edited.code).toBe(1)
    expect(edited.stderr.match(/^stale: \S+(?=;)/gm)).toEqual(['stale: schemas/generated/duckdb.sql'])
  })
})

describe('what is generated', () => {
  const read = (path: string) => readFile(join(ROOT, path), 'utf8')

  it('states the record as JSON Schema', async () => {
    const schema = JSON.parse(await read('schemas/generated/record.schema.json'))
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'W&B audit record',
      required: ['timestamp', 'action'],
    })
    expect(schema).not.toHaveProperty('$id')
    expect(Object.keys(schema.properties)).toHaveLength(19)
    const pattern = new RegExp(schema.properties.timestamp.pattern)
    expect(
      ['2023-01-23T12:34:56Z', '2023-01-23 12:34:56Z', '2016-12-31T23:59:60Z'].map((t) => pattern.test(t)),
    ).toEqual([true, false, false])
    for (const { description } of Object.values<{ description: string }>(schema.properties))
      expect(description).toMatch(/\.$/)
  })

  it('states the settings as JSON Schema that refuses unknown keys', async () => {
    const schema = JSON.parse(await read('schemas/generated/settings.schema.json'))
    expect(schema).toMatchObject({ title: 'wandb-audit settings', additionalProperties: false })
    expect(schema).not.toHaveProperty('required')
  })

  it('lists every column and every action in the data dictionary', async () => {
    const page = await read('docs/data-dictionary.md')
    const first = [...page.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name)
    expect(first).toEqual([
      ...TABLES.flatMap(({ columns }) => columns.map(({ name }) => name)),
      ...ACTIONS.map(({ action }) => action),
    ])
    expect(page).toContain('| `actor_email` | The e-mail address of the actor. | name | no | API | VARCHAR | STRING |')
    expect(page).toContain('identity | no | API, anonymised API, bucket | INTEGER | INT64 | INTEGER | int | INT32 |')
  })
})
