import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { countsOf, inDatabase, ndjson, newFolder, run, runProgram, summaryOf, valueIn } from './support.js'

const LOGIN = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login', actor_user_id: 7 }
const READ = { timestamp: '2026-10-02T00:00:00Z', action: 'artifact:read', actor_user_id: 8 }
const NAMED = { ...LOGIN, actor_email: 'ada@example.com' }
const EVENTS = 'SELECT count(*) FROM audit_events'

/** A working folder with these files in it. */
function withFiles(files: Readonly<Record<string, string | Uint8Array>>): string {
  const cwd = newFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(cwd, name, '..'), { recursive: true })
    writeFileSync(join(cwd, name), content)
  }
  return cwd
}

describe('load', () => {
  it('takes a folder with all below it, and says what became of every line', async () => {
    const cwd = withFiles({
      'logs/a.ndjson': ndjson(LOGIN, READ, '{cut'),
      'logs/deep/b.ndjson.gz': gzipSync(ndjson(READ)),
      'logs/page.json': JSON.stringify({ audit_logs: [NAMED], next_cursor: null }),
    })
    const { code, stdout } = await runProgram(['load', '--from', 'logs'], { cwd })
    expect(stdout).toBe(
      'documents: 3 loaded, 0 skipped, 0 failed\n' +
        'duckdb:audit.duckdb: read 5 = 2 inserted + 1 enriched + 1 unchanged + 1 rejected\n',
    )
    expect(code).toBe(0)
  })

  it('goes on without a sink that cannot be opened, and fails in the end', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(LOGIN) })
    const to = ['--to', 'duckdb:none/audit.duckdb', '--to', 'duckdb:audit.duckdb']
    const { code, stdout, stderr } = await run(['load', '--from', 'a.ndjson', ...to, '--output', 'json'], { cwd })
    expect(code).toBe(1)
    expect(JSON.parse(stdout).sinks).toMatchObject([
      { sink: 'duckdb:none/audit.duckdb', error: expect.stringContaining('there is no folder'), inserted: 0 },
      { sink: 'duckdb:audit.duckdb', error: null, inserted: 1 },
    ])
    expect(stderr).toContain('duckdb:none/audit.duckdb failed and is left out of this run')
  })

  it('writes its summary as JSON, and skips what is loaded', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(LOGIN, '{cut') })
    const from = ['load', '--from', 'a.ndjson']
    const counts = { read: 2, inserted: 1, enriched: 0, unchanged: 0, conflicts: 0, rejected: 1 }
    expect(await summaryOf(from, { cwd })).toEqual({
      documents: 1,
      skipped: 0,
      archived: [],
      failed: [],
      sinks: [{ sink: 'duckdb:audit.duckdb', error: null, ...counts }],
    })
    const second = await summaryOf(from, { cwd })
    expect(second).toMatchObject({ documents: 0, skipped: 1, failed: [] })
    expect(countsOf(second)).toEqual([0, 0, 0, 0, 0])
  })

  it('takes globs, several sources, and standard input', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(LOGIN), 'b.ndjson': ndjson(READ), 'c.json': ndjson(LOGIN) })
    const globbed = await summaryOf(['load', '--from', '*.ndjson'], { cwd }, runProgram)
    expect(globbed.documents).toBe(2)
    const piped = ['load', '--from', '-', '--from', 'c.json']
    expect(countsOf(await summaryOf(piped, { cwd, stdin: ndjson(NAMED) }, runProgram))).toEqual([2, 0, 1, 1, 0])
    expect(await summaryOf(piped, { cwd, stdin: ndjson(NAMED) }, runProgram)).toMatchObject({
      documents: 0,
      skipped: 2,
    })
  })

  it('only lists with --dry-run, and makes no file', async () => {
    const cwd = withFiles({ 'logs/a.ndjson': ndjson(LOGIN) })
    const path = join(cwd, 'logs/a.ndjson')
    const bytes = ndjson(LOGIN).length
    const text = await run(['load', '--from', 'logs', '--dry-run'], { cwd })
    expect(text).toMatchObject({ code: 0, stdout: `${bytes}\t${path}\n` })
    expect(text.stderr).toContain('would read 1 document; 0 already loaded')
    expect(await summaryOf(['load', '--from', 'logs', '--dry-run'], { cwd })).toEqual({
      documents: [{ source: 'files', document: path, bytes }],
      skipped: 0,
      archived: [],
    })
    expect(statSync(join(cwd, 'audit.duckdb'), { throwIfNoEntry: false })).toBeUndefined()
  })

  it('exits with 3 on more rejects than --max-rejects, with everything loaded', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(LOGIN, LOGIN, '{cut', '[1]') })
    const few = await runProgram(['load', '--from', 'a.ndjson', '--max-rejects', '1'], { cwd })
    expect(few.code).toBe(3)
    expect(few.stderr).toContain('2 rejects, more than --max-rejects 1')
    const path = join(cwd, 'audit.duckdb')
    expect(await valueIn(path, EVENTS)).toBe(2n)
    expect(await valueIn(path, 'SELECT count(*) FROM audit_rejects')).toBe(2n)
    const enough = await run(['load', '--from', 'a.ndjson', '--max-rejects', '2', '--to', 'duckdb:b.duckdb'], { cwd })
    expect(enough.code).toBe(0)
  })

  it('refuses a document that is mostly rejects or no log, loads the others, and exits with 1', async () => {
    const files = {
      'bad.ndjson': ndjson(LOGIN, '{cut', '[1]'),
      'page.html': '<!doctype html>\n',
      'good.ndjson': ndjson(LOGIN),
    }
    const cwd = withFiles(Object.fromEntries(Object.entries(files).map(([name, text]) => [`logs/${name}`, text])))
    const load = await run(['load', '--from', 'logs'], { cwd })
    expect(load.code).toBe(1)
    expect(load.stderr).toMatch(/2 of 3 lines of .*bad\.ndjson are not events, .*--max-rejects 2/)
    expect(load.stderr).toMatch(/page\.html failed: this is not a log, it is an HTML page/)
    expect(load.stdout).toContain('read 1 = 1 inserted')
    expect((await run(['load', '--from', 'logs/bad.ndjson', '--max-rejects', '2'], { cwd })).code).toBe(0)
  })

  it('keeps two equal lines of one second, and adds none when they come again', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(LOGIN, LOGIN), 'again.ndjson': ndjson(LOGIN, LOGIN) })
    expect(countsOf(await summaryOf(['load', '--from', 'a.ndjson'], { cwd }))).toEqual([2, 2, 0, 0, 0])
    expect(countsOf(await summaryOf(['load', '--from', 'again.ndjson'], { cwd }))).toEqual([2, 0, 0, 2, 0])
    expect(await valueIn(join(cwd, 'audit.duckdb'), EVENTS)).toBe(2n)
  })

  it('loads nothing of an archive cut short, all else of its folder, and it when it is whole', async () => {
    const packed = gzipSync(ndjson(...Array.from({ length: 200 }, (_, i) => ({ ...LOGIN, actor_user_id: i }))))
    const cwd = withFiles({ 'logs/a.ndjson.gz': packed.subarray(0, packed.length / 2), 'logs/b.ndjson': ndjson(READ) })
    const path = join(cwd, 'audit.duckdb')
    const broken = await runProgram(['load', '--from', 'logs'], { cwd })
    expect(broken.code).toBe(1)
    expect(broken.stdout).toContain('1 loaded, 0 skipped, 1 failed')
    expect(broken.stderr).toMatch(/a\.ndjson\.gz failed: the gzip archive is cut short.*Copy it again in full/)
    expect(await valueIn(path, EVENTS)).toBe(1n)
    writeFileSync(join(cwd, 'logs/a.ndjson.gz'), packed)
    const whole = await summaryOf(['load', '--from', 'logs'], { cwd })
    expect(whole).toMatchObject({ documents: 1, skipped: 1 })
    expect(await valueIn(path, EVENTS)).toBe(201n)
  })

  it('tells of the first twenty that fail, and how many more there are', async () => {
    const cwd = newFolder()
    for (let i = 0; i < 23; i++) writeFileSync(join(cwd, `${i}.gz`), gzipSync('{}').subarray(0, 10))
    const { code, stderr } = await run(['load', '--from', cwd], { cwd: newFolder() })
    expect(code).toBe(1)
    expect(stderr.match(/\d+\.gz failed/g)).toHaveLength(20)
    expect(stderr).toContain('3 more documents failed')
  })

  it('reads everything again when the receipts are gone, and changes nothing', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(NAMED, READ, READ, '{cut') })
    const path = join(cwd, 'audit.duckdb')
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
    await inDatabase(path, 'DELETE FROM audit_documents')
    expect(countsOf(await summaryOf(['load', '--from', 'a.ndjson'], { cwd }))).toEqual([4, 0, 0, 3, 1])
    expect(await valueIn(path, EVENTS)).toBe(3n)
    expect(await valueIn(path, 'SELECT count(*) FROM audit_rejects')).toBe(1n)
  })

  it('gives one row for an event with and without names, in one run', async () => {
    const cwd = withFiles({ 'logs/a.ndjson': ndjson(LOGIN), 'logs/b.ndjson': ndjson(NAMED) })
    expect(countsOf(await summaryOf(['load', '--from', 'logs'], { cwd }))).toEqual([2, 1, 1, 0, 0])
    expect(await inDatabase(join(cwd, 'audit.duckdb'), 'SELECT actor_email FROM audit_events')).toEqual([
      ['ada@example.com'],
    ])
  })

  it.each([
    { first: LOGIN, second: NAMED, counts: [1, 0, 1, 0, 0], order: 'without names first' },
    { first: NAMED, second: LOGIN, counts: [1, 0, 0, 1, 0], order: 'with names first' },
  ])('gives one row for an event with and without names, in two runs, $order', async ({ first, second, counts }) => {
    const cwd = withFiles({ 'a.ndjson': ndjson(first), 'b.ndjson': ndjson(second) })
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
    expect(countsOf(await summaryOf(['load', '--from', 'b.ndjson'], { cwd }))).toEqual(counts)
    expect(await inDatabase(join(cwd, 'audit.duckdb'), 'SELECT actor_email FROM audit_events')).toEqual([
      ['ada@example.com'],
    ])
  })

  it('loads into several sinks, and catches up one that is behind', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(LOGIN) })
    const one = ['load', '--from', 'a.ndjson', '--to', 'duckdb:one.duckdb']
    await summaryOf(one, { cwd })
    const both = await summaryOf([...one, '--to', 'duckdb:two.duckdb'], { cwd })
    expect(both.sinks.map(({ sink }) => sink)).toEqual(['duckdb:one.duckdb', 'duckdb:two.duckdb'])
    expect([countsOf(both, 0), countsOf(both, 1)]).toEqual([
      [1, 0, 0, 1, 0],
      [1, 1, 0, 0, 0],
    ])
  })

  it('makes files for their owner only', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(LOGIN) })
    await summaryOf(['load', '--from', 'a.ndjson'], { cwd })
    expect(statSync(join(cwd, 'audit.duckdb')).mode & 0o777).toBe(0o600)
  })
})

describe('what a run writes', () => {
  it('is nothing with --quiet and success', async () => {
    const cwd = withFiles({ 'a.ndjson': ndjson(LOGIN) })
    expect(await run(['load', '--from', 'a.ndjson', '--quiet'], { cwd })).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  it('is errors still with --quiet', async () => {
    const cwd = withFiles({ 'a.gz': gzipSync(ndjson(LOGIN)).subarray(0, 20) })
    const { code, stdout, stderr } = await run(['load', '--from', 'a.gz', '--quiet'], { cwd })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('cut short')
  })

  it('has no escape sequences where no terminal reads it', async () => {
    const cwd = withFiles({ 'logs/a.ndjson': ndjson(LOGIN), 'logs/b.gz': gzipSync(ndjson(LOGIN)).subarray(0, 20) })
    const { stdout, stderr } = await run(['load', '--from', 'logs'], { cwd, env: { NO_COLOR: '1' } })
    expect(stdout + stderr).not.toContain('\u001b')
  })

  it('is one JSON object a line on stderr with --log-format json', async () => {
    const cwd = withFiles({ 'logs/a.ndjson': ndjson(LOGIN), 'logs/b.gz': gzipSync(ndjson(LOGIN)).subarray(0, 20) })
    const { stderr } = await run(['load', '--from', 'logs', '--log-format', 'json'], { cwd })
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ level }) => level)).toEqual(['info', 'error'])
    expect(lines.every(({ time }) => !Number.isNaN(Date.parse(time)))).toBe(true)
  })
})

describe('a folder that somebody else can write to', () => {
  it('is loaded without the pipes, devices and links put there, which are named', { timeout: 180_000 }, async () => {
    const cwd = withFiles({ 'logs/a.ndjson': ndjson(LOGIN), 'secret/b.ndjson': ndjson({ ...LOGIN, action: 'user:x' }) })
    execFileSync('mkfifo', [join(cwd, 'logs/pipe')])
    symlinkSync(join(cwd, 'secret/b.ndjson'), join(cwd, 'logs/b.ndjson'))
    const load = async (...args: readonly string[]) => {
      const { code, stdout } = await run(['load', '--from', 'logs', '--output', 'json', ...args], { cwd })
      const { documents, failed } = JSON.parse(stdout)
      return { code, documents, failed: failed.map(({ error }: { error: string }) => error.replace(cwd, '')) }
    }
    const pipe = 'landing /logs/pipe failed: it is a pipe, not a file'
    const link = expect.stringContaining('landing /logs/b.ndjson failed: it is a link that leads out of')
    expect(await load()).toEqual({ code: 1, documents: 1, failed: [link, pipe] })
    expect(await load('--follow-links')).toEqual({ code: 1, documents: 1, failed: [pipe] })
  })
})

describe('settings', () => {
  it('come from flags before the environment before the file', async () => {
    const cwd = withFiles({
      'file.ndjson': ndjson(LOGIN),
      'wandb-audit.yaml': 'from: file.ndjson\nto: duckdb:file.duckdb\nquiet: true\n',
      'other.yaml': 'from: file.ndjson\nto: duckdb:other.duckdb\n',
    })
    const sinkOf = async (args: readonly string[], env = {}): Promise<string | undefined> =>
      (await summaryOf(['load', ...args], { cwd, env })).sinks[0]?.sink
    const env = { WANDB_AUDIT_TO: 'duckdb:env.duckdb' }
    expect((await run(['trust'], { cwd })).code).toBe(0)
    expect(await sinkOf([])).toBe('duckdb:file.duckdb')
    expect(await sinkOf([], env)).toBe('duckdb:env.duckdb')
    expect(await sinkOf(['--to', 'duckdb:flag.duckdb'], env)).toBe('duckdb:flag.duckdb')
    expect(await sinkOf(['--config', 'other.yaml'])).toBe('duckdb:other.duckdb')
  })

  it.each([
    { what: 'a key that is none', yaml: 'fromm: a.ndjson\n', named: /wandb-audit\.yaml.*fromm/ },
    { what: 'a value of the wrong kind', yaml: 'max_rejects: many\n', named: /wandb-audit\.yaml.*max_rejects/ },
    { what: 'no YAML', yaml: 'from: [\n', named: /wandb-audit\.yaml.*YAML/ },
  ])('are refused with $what, by name', async ({ yaml, named }) => {
    const { code, stderr } = await run(['load', '--config', 'wandb-audit.yaml'], {
      cwd: withFiles({ 'wandb-audit.yaml': yaml }),
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(named)
  })
})

describe('wrong usage exits with 2 and says what is wrong', () => {
  it.each([
    { args: ['load', '--bogus'], says: '--bogus' },
    { args: ['loda'], says: 'loda' },
    { args: ['load'], says: 'no source is named' },
    { args: ['load', '--from', 'ftp://host/logs'], says: 'ftp://host/logs' },
    { args: ['load', '--from', '.', '--to', 'postgres:db'], says: 'postgres:db' },
    { args: ['load', '--from', '.', '--max-rejects', '-1'], says: 'max-rejects' },
    { args: ['load', '--from', '.', '--memory', 'lots'], says: 'memory' },
    { args: ['load', '--from', '.', '--spool', 'nowhere'], says: 'nowhere' },
    { args: ['load', '--from', '.', '--config', 'nowhere.yaml'], says: 'nowhere.yaml' },
    { args: ['load', '--from', 'http://example.com'], says: '--insecure-http' },
    { args: ['query'], says: 'the query is empty' },
    { args: ['query', 'SELECT 1', '--format', 'xls'], says: 'xls' },
    { args: ['status', '--days', 'all'], says: 'days' },
  ])('$args', async ({ args, says }) => {
    const { code, stdout, stderr } = await run(args, { env: { WANDB_API_KEY: 'key' } })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(says)
  })
})

describe('--help', () => {
  it.each(['load', 'backfill', 'status', 'query', 'rejects', 'trust', 'demo'])(
    'of %s has examples',
    async (command) => {
      const { code, stdout } = await run([command, '--help'])
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`Examples:\n  \\$ .*wandb-audit ${command}`))
    },
  )

  it('does not wait for the engine to load', async () => {
    const cwd = newFolder()
    const hook = `process.on('exit', () => {
      const { sharedObjects } = process.report.getReport()
      process.stderr.write('engine: ' + sharedObjects.some((path) => path.includes('duckdb')))
    })`
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` }
    expect((await runProgram(['load', '--help'], { cwd, env })).stderr).toMatch(/^(?:engine: false)+$/)
    expect((await runProgram(['query', 'SELECT 1', '--to', 'duckdb:a.duckdb'], { cwd, env })).stderr).toContain(
      'engine: true',
    )
  })
})
