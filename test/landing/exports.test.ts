import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Content, newFolder } from '../support/load.js'
import { COLUMNS, landExport, parquet } from './exported.js'
import { failure } from './support.js'

const ROW = {
  timestamp: '2026-10-01 12:34:56 UTC',
  action: 'user:login',
  content_hash: 'f'.repeat(64),
  source_document: 'd',
}
async function rowsOf(content: Content): Promise<unknown[]> {
  const { path, lines } = await landExport(content)
  const rows = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  expect(rows).toHaveLength(lines)
  return rows.map((row) => JSON.parse(row))
}

describe('an export', () => {
  it('in Parquet gives its rows, numbers of extra as they are, and instants without a zone in UTC', async () => {
    const extra = '{"cost":1.10,"big":123456789012345678901234567890}'
    const rows = await rowsOf(
      await parquet(`
        SELECT CAST("timestamp" AS TIMESTAMP) AS "timestamp", * EXCLUDE ("timestamp"), '${extra}'::JSON AS extra,
          404::INTEGER AS response_code, 7::BIGINT AS source_line, 'l' AS load_id, chr(0) || 'ü' AS actor_email
        FROM (SELECT ${COLUMNS})`),
    )
    expect(rows).toEqual([
      {
        timestamp: '2026-10-01 12:34:56.1+00',
        action: 'user:login',
        content_hash: 'f'.repeat(64),
        extra,
        response_code: '404',
        source_line: '7',
        actor_email: '\0ü',
      },
    ])
  })

  it('in lines gives them as they are, packed or not', async () => {
    const lines = `${JSON.stringify(ROW)}\n\n${JSON.stringify(ROW)}`
    expect(await rowsOf(lines)).toEqual([ROW, ROW])
    expect(await rowsOf(gzipSync(lines))).toEqual([ROW, ROW])
  })

  it('may be empty', async () => {
    expect(await rowsOf(gzipSync(''))).toEqual([])
    expect(await rowsOf(await parquet(`SELECT ${COLUMNS} LIMIT 0`))).toEqual([])
  })

  it('lands beside others, one of them damaged', async () => {
    const files = await Promise.all([1, 2, 3].map((i) => parquet(`SELECT ${COLUMNS}, '${i}' AS actor_user_id`)))
    const [one, two, three] = files.map((file, i) => rowsOf(i === 1 ? file.subarray(0, -9) : file))
    await expect(two).rejects.toThrow(/cut short or damaged/)
    expect([await one, await three]).toMatchObject([[{ actor_user_id: '1' }], [{ actor_user_id: '3' }]])
  })

  it('lands in a folder whose name looks like a column', async () => {
    const folder = join(newFolder(), 'day=2026-01-01')
    mkdirSync(folder)
    const { lines } = await landExport(await parquet(`SELECT ${COLUMNS}`), join(folder, 'landed'))
    expect(lines).toBe(1)
  })

  it('leaves no other file behind', async () => {
    const path = join(newFolder(), 'landed')
    const whole = await parquet(`SELECT ${COLUMNS}`)
    await landExport(whole, path)
    await failure(landExport(whole.subarray(0, -1), path))
    expect(existsSync(`${path}.parquet`)).toBe(false)
  })
})

describe('what is not an export of audit_events', () => {
  it.each([
    ['a log', '{"timestamp":"2026-10-01T12:34:56Z","action":"user:login"}\n'],
    ['an export of audit_rejects', '{"reject_id":"f","source_document":"d","raw":"{"}\n'],
    ['text', 'hello\n'],
    ['an image', Buffer.from('\x89PNG\r\n', 'latin1')],
  ])('is refused: %s', async (_what, content) => {
    const error = await failure(landExport(content))
    expect(error.message).toMatch(/this is not an export of audit_events; none of it was loaded/)
    expect(error.advice).toMatch(/Only audit_events can be loaded back/)
  })

  it.each([
    ['has no content_hash', `SELECT now() AS "timestamp", 'a' AS action`],
    ['has another column', `SELECT ${COLUMNS}, 1 AS more`],
    ['has a nested column', `SELECT ${COLUMNS}, [{'a': [1]}] AS extra`],
    ['has a nested column of a required name', `SELECT * REPLACE ({'a': 1} AS action) FROM (SELECT ${COLUMNS})`],
    ['holds rejects', `SELECT 'f' AS reject_id, 'd' AS source_document, '{' AS raw`],
  ])('is refused: a Parquet file that %s', async (_what, select) => {
    expect((await failure(landExport(await parquet(select)))).message).toMatch(/not an export of audit_events/)
  })
})

describe('a Parquet file that harms', () => {
  it('because it is cut short is refused, wherever it is cut', async () => {
    const whole = await parquet(`SELECT ${COLUMNS}, i::VARCHAR AS actor_user_id FROM range(100) AS t(i)`)
    for (let end = 4; end < whole.length; end += 151) {
      const error = await failure(landExport(whole.subarray(0, end)))
      expect(error.message).toMatch(/cut short or damaged; none of it was loaded/)
    }
  })

  it('because it is encrypted is refused', async () => {
    const key = ["SET force_mbedtls_unsafe = 'true'", "PRAGMA add_parquet_key('k', '0123456789112345')"]
    const file = await parquet(`SELECT ${COLUMNS}`, ", ENCRYPTION_CONFIG {footer_key: 'k'}", key)
    expect((await failure(landExport(file))).message).toMatch(/the Parquet file is encrypted/)
  })
})
