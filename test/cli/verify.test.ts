/** An insider with write access to a sink: whatever he changes is found, and its day and kind are named. */

import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Finding } from '../../src/verify/findings.js'
import { inDatabase, ndjson, newFolder, run, spoolsOf, summaryOf } from './support.js'

const TO = ['--to', 'duckdb:audit.duckdb', '--to', 'parquet:lake']
const BAD = `{"timestamp":"bad ${'long '.repeat(5000)}`

/** What he does on a day of its own, and what is found. */
interface Tampering {
  readonly what: string
  readonly sql: (day: string) => string
  readonly found: readonly string[]
  /** Where it is not that of the documents. */
  readonly at?: string
}

const row = (day: string): string => `"timestamp" = '${day} 05:00:00Z'`
const withExtra = (day: string): string => `"timestamp" = '${day} 06:00:00Z'`
const reject = (day: string): string => `raw = 'no JSON' AND source_document LIKE '%${day}%'`

const TAMPERING: readonly Tampering[] = [
  {
    what: 'deletes a day',
    sql: (day) => `DELETE FROM audit_events WHERE "timestamp"::DATE = '${day}'`,
    found: ['25 event missing'],
  },
  {
    what: 'deletes an hour',
    sql: (day) => `DELETE FROM audit_events WHERE "timestamp"::DATE = '${day}' AND hour("timestamp") = 7`,
    found: ['2 event missing'],
  },
  { what: 'deletes a row', sql: (day) => `DELETE FROM audit_events WHERE ${row(day)}`, found: ['1 event missing'] },
  {
    what: 'changes an e-mail address',
    sql: (day) => `UPDATE audit_events SET actor_email = 'victim@example.com' WHERE ${row(day)}`,
    found: ['1 event altered actor_email'],
  },
  {
    what: 'clears a name',
    sql: (day) => `UPDATE audit_events SET actor_email = NULL WHERE ${row(day)}`,
    found: ['1 event altered actor_email'],
  },
  {
    what: 'takes, for a name, that of another event whose documents disagree',
    sql: (day) => `UPDATE audit_events SET actor_email = 'renamed@example.com' WHERE ${row(day)}`,
    found: ['1 event altered actor_email'],
  },
  {
    what: 'changes action and response code beside the old hash',
    sql: (day) => `UPDATE audit_events SET response_code = 403, action = 'artifact:delete' WHERE ${row(day)}`,
    found: ['1 event altered action response_code'],
  },
  {
    what: 'exchanges the values of two events',
    sql: (day) =>
      `UPDATE audit_events SET actor_user_id = CASE actor_user_id WHEN '0' THEN '1' ELSE '0' END WHERE "timestamp"::DATE = '${day}' AND actor_user_id IN ('0', '1') AND hour("timestamp") < 4`,
    found: ['2 event altered actor_user_id'],
  },
  {
    what: 'changes extra',
    sql: (day) =>
      `UPDATE audit_events SET extra = '{"run_name":"other","wide":{"b":1,"a":[1.5,"ü"]}}' WHERE ${withExtra(day)}`,
    found: ['1 event altered extra'],
  },
  {
    what: 'hides a value of extra before the right one',
    sql: (day) =>
      `UPDATE audit_events SET extra = '{"run_name":"other",' || substr(extra::VARCHAR, 2) WHERE ${withExtra(day)}`,
    found: ['1 event altered extra'],
  },
  {
    what: 'writes what is no object where there is no extra',
    sql: (day) => `UPDATE audit_events SET extra = '[]' WHERE ${row(day)}`,
    found: ['1 event altered extra'],
  },
  {
    what: 'forges an event',
    sql: (day) =>
      `INSERT INTO audit_events BY NAME SELECT * REPLACE ('9' AS actor_user_id, repeat('0', 64) AS content_hash) FROM audit_events WHERE ${row(day)}`,
    found: ['1 event extra'],
  },
  {
    what: 'copies an event',
    sql: (day) => `INSERT INTO audit_events SELECT * FROM audit_events WHERE ${row(day)}`,
    found: ['1 event extra'],
  },
  {
    what: 'forges one at the end of all days, with a hash of his choice',
    sql: (day) =>
      `INSERT INTO audit_events BY NAME SELECT * REPLACE (TIMESTAMPTZ '9999-12-31 23:59:59.999999Z' AS "timestamp", 'x' || chr(10) AS content_hash) FROM audit_events WHERE ${row(day)}`,
    found: ['1 event extra'],
    at: '9999-12-31',
  },
  {
    what: 'forges events at instants that no calendar has',
    sql: (day) =>
      `INSERT INTO audit_events BY NAME SELECT * EXCLUDE (instant) REPLACE (instant AS "timestamp") FROM (SELECT * FROM audit_events WHERE ${row(day)}), (SELECT unnest([TIMESTAMPTZ 'infinity', TIMESTAMPTZ '0044-03-15 (BC) 00:00:00Z', TIMESTAMPTZ '12000-01-01 00:00:00Z']) AS instant)`,
    found: ['3 event extra'],
    at: 'null',
  },
  {
    what: 'moves an event by an hour',
    sql: (day) => `UPDATE audit_events SET "timestamp" = "timestamp" + INTERVAL 1 HOUR WHERE ${row(day)}`,
    found: ['1 event extra', '1 event missing'],
  },
  {
    what: 'changes a reject',
    sql: (day) => `UPDATE audit_rejects SET raw = 'innocent' WHERE ${reject(day)}`,
    found: ['1 reject altered raw'],
  },
  {
    what: 'changes the end of a long reject',
    sql: (day) =>
      `UPDATE audit_reject_pieces SET raw = raw || 'innocent' WHERE reject_id IN (SELECT reject_id FROM audit_rejects WHERE source_document LIKE '%${day}%')`,
    // Other rejects of the tests differ, so that those of all documents are compared line by line.
    found: ['1 reject altered raw'],
  },
  {
    what: 'deletes a reject',
    sql: (day) => `DELETE FROM audit_rejects WHERE ${reject(day)}`,
    found: ['1 reject missing'],
  },
  {
    what: 'forges a reject',
    sql: (day) =>
      `INSERT INTO audit_rejects SELECT * REPLACE (repeat('0', 64) AS reject_id) FROM audit_rejects WHERE ${reject(day)}`,
    found: ['1 reject extra'],
  },
  {
    what: 'deletes receipts',
    sql: (day) => `DELETE FROM audit_documents WHERE document LIKE '%${day}%'`,
    found: ['1 receipt missing'],
  },
  {
    what: 'forges a receipt of other bytes',
    sql: (day) => `UPDATE audit_documents SET sha256 = repeat('0', 64) WHERE document LIKE '%${day}.ndjson'`,
    found: ['1 receipt altered sha256'],
  },
  {
    what: 'forges a receipt of a document that is not to be loaded',
    sql: (day) =>
      `INSERT INTO audit_documents SELECT * REPLACE ('other/${day}.ndjson' AS document) FROM audit_documents WHERE document LIKE '%${day}.ndjson'`,
    found: ['1 receipt extra'],
  },
]

/** Each kind of tampering has its own, and one is left alone. */
const DAYS = Array.from({ length: TAMPERING.length + 1 }, (_, i) => `2026-10-${String(i + 1).padStart(2, '0')}`)
const dayOf = (tampering: Tampering): string => DAYS[TAMPERING.indexOf(tampering)] ?? ''

/** Days with documents of their own; the events of the others are in one, because each day with a document is sealed. */
const OWN = TAMPERING.filter(({ found }) => found.some((each) => /reject|receipt/.test(each))).map(dayOf)
const [ONE = '', OTHER = ''] = OWN

const eventsOf = (day: string) =>
  Array.from({ length: 24 }, (_, i) => ({
    ...{ timestamp: `${day}T${String(i).padStart(2, '0')}:00:00Z`, action: 'artifact:read' },
    ...{ actor_user_id: i % 5, response_code: 200, project_asset: i, actor_email: `user${i % 5}@example.com` },
    ...(i % 3 === 0 ? { run_name: `run ${i}`, wide: { b: 1, a: [1.5, 'ü'] } } : {}),
  }))

/** Holds archive, audit.duckdb and lake, loaded from a folder; tests work on copies. */
const loaded = newFolder()

beforeAll(async () => {
  const logs = join(loaded, 'logs')
  mkdirSync(logs)
  const later = (day: string) => ({ ...eventsOf(day)[7], actor_email: 'renamed@example.com', wide: 2 })
  const linesOf = (day: string) => [...eventsOf(day), eventsOf(day)[7]]
  const write = (name: string, ...lines: readonly unknown[]): void =>
    writeFileSync(join(logs, `${name}.ndjson`), ndjson(...lines))
  for (const day of OWN) write(day, ...linesOf(day), 'no JSON', BAD)
  const others = DAYS.filter((day) => !OWN.includes(day))
  write('others', ...others.flatMap(linesOf))
  write('others-later', ...others.map(later))
  await summaryOf(['load', '--from', 'logs', '--archive', 'archive', ...TO], { cwd: loaded })
})

/** A copy of what was loaded, with some statements run in its DuckDB file. */
async function tampered(...statements: readonly string[]): Promise<string> {
  const cwd = newFolder()
  for (const name of ['archive', 'lake', 'audit.duckdb'])
    cpSync(join(loaded, name), join(cwd, name), { recursive: true })
  if (statements.length > 0) await inDatabase(join(cwd, 'audit.duckdb'), ...statements)
  return cwd
}

async function verified(cwd: string, code: number, ...args: readonly string[]) {
  const result = await run(['verify', 'archive', '--output', 'json', ...args], { cwd })
  expect({ code: result.code, stderr: result.stderr }).toMatchObject({ code })
  return { ...result, report: JSON.parse(result.stdout) }
}

const inShort = ({ count, what, kind, columns }: Finding): string => [count, what, kind, ...columns].join(' ')

/** All files, and what is in them. */
const contentOf = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) => !/^\.(?:cache|tmp)/.test(name) && statSync(join(folder, name), { throwIfNoEntry: false })?.isFile(),
    )
    .map((name) => `${name} ${readFileSync(join(folder, name)).toString('base64')}`)
    .sort()

describe('verify', () => {
  it('finds nothing in sinks that nobody touched, and writes to neither', async () => {
    const cwd = await tampered()
    const before = contentOf(cwd)
    for (const args of [TO, [...TO, '--deep']]) {
      const { report } = await verified(cwd, 0, ...args)
      expect(report).toMatchObject({ equal: true, complete: true, archive: { findings: [] } })
      expect(report.archive.documents).toBe(OWN.length + 2)
      expect(report.sinks).toEqual([
        { name: 'duckdb:audit.duckdb', findings: [] },
        { name: 'parquet:lake', findings: [] },
      ])
    }
    expect(contentOf(cwd)).toEqual(before)
    expect(spoolsOf(cwd)).toEqual([])
  })
})

describe('verify, of a sink', () => {
  it('finds that an old copy of the file was put back', async () => {
    const cwd = await tampered()
    cpSync(join(cwd, 'audit.duckdb'), join(cwd, 'old.duckdb'))
    mkdirSync(join(cwd, 'logs'))
    writeFileSync(join(cwd, 'logs/2026-11-01.ndjson'), ndjson(...eventsOf('2026-11-01'), 'no JSON'))
    await summaryOf(['load', '--from', 'logs', '--archive', 'archive', '--to', 'duckdb:audit.duckdb'], { cwd })
    await verified(cwd, 0, '--to', 'duckdb:audit.duckdb')
    cpSync(join(cwd, 'old.duckdb'), join(cwd, 'audit.duckdb'))
    const { report } = await verified(cwd, 5, '--to', 'duckdb:audit.duckdb')
    expect(report.sinks[0].findings.map((each: Finding) => `${each.day} ${inShort(each)}`)).toEqual([
      '2026-11-01 24 event missing',
      '2026-11-01 1 reject missing',
      '2026-11-01 1 receipt missing',
    ])
  })

  it('looks at the days that were asked for, in a lake at every file', async () => {
    const cwd = await tampered(`DELETE FROM audit_events WHERE "timestamp"::DATE IN ('2026-10-02', '2026-10-04')`)
    const file = (day: string): string => join(cwd, `lake/audit_events/event_date=${day}/events-00000001.parquet`)
    // In the file of another day stands a forged event, and an hour is gone.
    await inDatabase(
      ':memory:',
      `COPY (
        FROM '${file('2026-10-09')}' UNION ALL BY NAME
        SELECT * REPLACE (CAST('2026-10-02 01:02:03Z' AS TIMESTAMPTZ) AS "timestamp") FROM '${file('2026-10-09')}' LIMIT 26
      ) TO '${file('2026-10-09')}.new' (FORMAT parquet)`,
      `COPY (FROM '${file('2026-10-03')}' WHERE hour("timestamp") <> 7) TO '${file('2026-10-03')}.new' (FORMAT parquet)`,
    )
    for (const day of ['2026-10-09', '2026-10-03']) renameSync(`${file(day)}.new`, file(day))
    const { report } = await verified(cwd, 5, '--since', '2026-10-02', '--until', '2026-10-04', ...TO)
    const found = report.sinks.map(({ findings }: { findings: Finding[] }) =>
      findings.map((each) => `${each.day} ${inShort(each)}`),
    )
    expect(found).toEqual([
      ['2026-10-02 25 event missing'],
      ['2026-10-02 1 event extra', '2026-10-02 1 event altered partition', '2026-10-03 2 event missing'],
    ])
  })

  it('finds rows of a lake that lie in files where nobody looks for them', async () => {
    const cwd = await tampered()
    const file = (name: string): string => join(cwd, 'lake', name)
    const [one, two, three] = ['02', '03', '04'].map((day) =>
      file(`audit_events/event_date=2026-10-${day}/events-00000001.parquet`),
    ) as [string, string, string]
    renameSync(one, `${one}.kept`)
    renameSync(two, one)
    renameSync(`${one}.kept`, two)
    const moved = `hour("timestamp") = 5`
    await inDatabase(
      ':memory:',
      `COPY (FROM '${two}' UNION ALL BY NAME FROM '${three}' WHERE ${moved}) TO '${two}.new' (FORMAT parquet)`,
      `COPY (FROM '${three}' WHERE NOT (${moved})) TO '${three}.new' (FORMAT parquet)`,
    )
    for (const name of [two, three]) renameSync(`${name}.new`, name)
    // Each file of rejects gets the name of another.
    const rejects = readdirSync(file('audit_rejects')).map((name) => file(`audit_rejects/${name}`))
    for (const path of rejects) renameSync(path, `${path}.kept`)
    rejects.forEach((path, i) => void renameSync(`${rejects.at(i - 1)}.kept`, path))
    const { report } = await verified(cwd, 5, '--to', 'parquet:lake')
    expect(report.sinks[0].findings.map((each: Finding) => `${each.day} ${inShort(each)}`)).toEqual([
      '2026-10-02 25 event altered partition',
      '2026-10-03 25 event altered partition',
      '2026-10-04 1 event altered partition',
      `null ${2 * OWN.length} reject altered partition`,
    ])
    const chosen = await verified(cwd, 5, '--since', '2026-10-04', '--until', '2026-10-05', '--to', 'parquet:lake')
    expect(chosen.report.sinks[0].findings.map(inShort)).toContain('1 event altered partition')
  })

  it('looks at all days from one on', async () => {
    const cwd = await tampered(`DELETE FROM audit_events WHERE "timestamp"::DATE IN ('2026-10-02', '2026-10-04')`)
    const { report } = await verified(cwd, 5, '--since', '2026-10-03', '--to', 'duckdb:audit.duckdb')
    expect(report).toMatchObject({ since: '2026-10-03', until: null, complete: true })
    expect(report.sinks[0].findings.map((each: Finding) => `${each.day} ${inShort(each)}`)).toEqual([
      '2026-10-04 25 event missing',
    ])
    const { code, stdout } = await run(['verify', 'archive', '--days', '1', '--to', 'parquet:lake'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/equal \(UTC days from \d{4}-\d\d-\d\d on, by digests\)/)
  })

  it('names in words what it finds', async () => {
    const cwd = await tampered(
      `UPDATE audit_events SET actor_email = 'victim@example.com', extra = '{}' WHERE ${row('2026-10-02')}`,
    )
    const { code, stdout } = await run(['verify', 'archive', '--to', 'duckdb:audit.duckdb'], { cwd })
    expect(code).toBe(5)
    expect(stdout).toMatch(
      /^Archive .*: \d+ documents, \d+ seals, whole\n(?:newest seal .*\n)+\nSink duckdb:audit\.duckdb: 1 finding \(all days, by digests\)\n2026-10-02 {2}1 event altered: actor_email, extra\n {4}[0-9a-f]{64}\n$/,
    )
  })

  it('is refused without a sink that answers, an archive, or days', async () => {
    const cwd = await tampered()
    const refused = async (args: readonly string[], code: number, message: RegExp): Promise<void> => {
      const result = await run(['verify', ...args], { cwd })
      expect(result).toMatchObject({ code, stdout: '' })
      expect(result.stderr).toMatch(message)
    }
    await refused(['archive', '--to', 'duckdb:none.duckdb'], 1, /does not exist yet/)
    await refused([], 2, /no archive is named/)
    await refused(['archive', '--until', '2026-10-02'], 2, /needs either --days or --since/)
    await refused(['nowhere'], 1, /no archived document/)
  })
})

describe('verify, of an archive', () => {
  const objects = (cwd: string): readonly string[] =>
    readdirSync(join(cwd, 'archive'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.zst'))
      .map((name) => join(cwd, 'archive', name))
      .sort()

  it('finds a document whose bytes were replaced, and what it cannot prove any more', async () => {
    const cwd = await tampered()
    const [one = '', other = ''] = objects(cwd).filter(
      (path) => path.includes(`${ONE}.ndjson`) || path.includes(`${OTHER}.ndjson`),
    )
    writeFileSync(one, readFileSync(other))
    const { report } = await verified(cwd, 5)
    expect(report).toMatchObject({ equal: false, complete: true, sinks: [] })
    expect(report.archive.findings).toMatchObject([{ day: ONE, what: 'archived document', kind: 'altered' }])
    const compared = await verified(cwd, 5, '--to', 'duckdb:audit.duckdb')
    expect(compared.report).toMatchObject({ complete: false })
    expect(compared.report.sinks[0].findings.map(inShort)).toContain('1 receipt extra')
  })

  it('finds that a seal states other numbers than its documents have', async () => {
    const cwd = await tampered()
    const seals = join(cwd, 'archive/seals/files')
    const last = join(seals, readdirSync(seals).sort().at(-1) ?? '')
    const { day, ...seal } = JSON.parse(readFileSync(last, 'utf8'))
    writeFileSync(last, `${JSON.stringify({ ...seal, day, events: seal.events - 1 })}\n`)
    const { report } = await verified(cwd, 5)
    expect(report.archive.findings.map((each: Finding) => `${each.day} ${inShort(each)}`)).toEqual([
      `${day} 1 seal statement altered`,
    ])
    const other = day === ONE ? OTHER : ONE
    await verified(
      cwd,
      0,
      '--since',
      other,
      '--until',
      new Date(Date.parse(other) + 86_400_000).toISOString().slice(0, 10),
    )
  })

  it('finds that a document was removed, if a sink has what it held', async () => {
    const cwd = await tampered()
    rmSync(objects(cwd).find((path) => path.includes(`${ONE}.ndjson`)) ?? '')
    const { report } = await verified(cwd, 5, '--to', 'duckdb:audit.duckdb')
    expect(report.sinks[0].findings.map((each: Finding) => `${each.day} ${inShort(each)}`)).toEqual([
      `${ONE} 25 event extra`,
      `${ONE} 2 reject extra`,
      `${ONE} 1 receipt extra`,
    ])
  })
})

describe.each([
  ['by digests', []],
  ['row by row', ['--deep']],
])('verify %s, of what an insider has changed', (_how, args) => {
  const found = new Map<string, string[]>()
  let output = ''

  beforeAll(async () => {
    const cwd = await tampered(...TAMPERING.map((each) => each.sql(dayOf(each))))
    const { report, stdout } = await verified(cwd, 5, '--to', 'duckdb:audit.duckdb', ...args)
    output = stdout
    for (const finding of report.sinks[0].findings) {
      const day = String(finding.day)
      found.set(day, [...(found.get(day) ?? []), inShort(finding)])
    }
  })

  it.each(TAMPERING.map((each) => [each.what, each] as const))('finds that he %s', (_what, tampering) => {
    const day = tampering.at ?? dayOf(tampering)
    expect(found.get(day)?.toSorted()).toEqual(tampering.found)
  })

  it('finds nothing else, and shows no value', () => {
    const days = TAMPERING.map((each) => each.at ?? dayOf(each))
    expect([...found.keys()].sort()).toEqual(days.sort())
    expect(output).not.toMatch(/victim|innocent|example\.com|other"|x\\n/)
  })
})
