import { readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { DuckDBInstance } from '@duckdb/node-api'
import { tableFromIPC } from 'apache-arrow'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { FORMATS, type Format, type WriteOptions, writeResult } from '../../src/cli/formats/index.js'
import type { QueryResult, Value } from '../../src/contract.js'
import { AuditError } from '../../src/errors.js'

const COLUMNS: QueryResult['columns'] = [
  { name: 'name', type: 'text' },
  { name: 'ok', type: 'boolean' },
  { name: 'count', type: 'integer' },
  { name: 'share', type: 'double' },
  { name: 'at', type: 'timestamp' },
  { name: 'day', type: 'date' },
  { name: 'extra', type: 'json' },
]
const BIG = 9_007_199_254_740_993n
const ROWS: Value[][] = [
  ['Ünï 日本 "q", \r\n\u001b[31mred', true, BIG, 0.5, '2026-10-01T12:34:56.123456Z', '2026-10-01', `{"id":${BIG}}`],
  [null, null, null, null, null, null, null],
  ['', false, -1, -1.5, '0001-01-01T00:00:00Z', '1969-12-31', '[1,\n2]'],
]
const AT = 1_790_858_096_123_456n

function result(rows: Iterable<Value[]>, columns: QueryResult['columns'] = COLUMNS): QueryResult {
  return {
    columns,
    rows: (async function* () {
      yield* rows
    })(),
  }
}

async function bytes(of: QueryResult, format: Format, options?: WriteOptions): Promise<Buffer> {
  const chunks: Buffer[] = []
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      setImmediate(done)
    },
  })
  await writeResult(of, format, out, options)
  expect(out.writable).toBe(true)
  return Buffer.concat(chunks)
}

const text = async (of: QueryResult, format: Format, options?: WriteOptions) =>
  (await bytes(of, format, options)).toString('utf8')

const temporary: string[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const folder of temporary.splice(0)) await rm(folder, { recursive: true })
})

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'formats-test-'))
  temporary.push(folder)
  return folder
}

/** What DuckDB reads of a file with these bytes. */
async function duckdb(content: Buffer, reader: string): Promise<{ names: string[]; rows: unknown[][] }> {
  const file = join(await temporaryFolder(), 'file')
  await writeFile(file, content)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const read = await connection.runAndReadAll(`SELECT * FROM ${reader.replace('FILE', `'${file}'`)}`)
    return { names: read.columnNames(), rows: read.getRowsJson() as unknown[][] }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

function arrayBuffer(content: Buffer): ArrayBuffer {
  return new Uint8Array(content).buffer
}

describe('json and ndjson', () => {
  test('an integer beyond 2^53 keeps its digits, json stays json, and each object is one line', async () => {
    const lines = (await text(result(ROWS), 'ndjson')).split('\n')
    expect(lines).toHaveLength(4)
    expect(lines[0]).toContain(`"count":${BIG},"share":0.5`)
    expect(lines[0]).toContain(`"extra":{"id":${BIG}}}`)
    expect(JSON.parse(lines[1] ?? '')).toEqual(Object.fromEntries(COLUMNS.map(({ name }) => [name, null])))
    expect(JSON.parse(lines[2] ?? '')).toEqual({
      name: '',
      ok: false,
      count: -1,
      share: -1.5,
      at: '0001-01-01T00:00:00Z',
      day: '1969-12-31',
      extra: [1, 2],
    })
  })

  test('json is one array with the same objects', async () => {
    const lines = (await text(result(ROWS), 'ndjson')).trim().split('\n')
    expect(JSON.parse(await text(result(ROWS), 'json'))).toEqual(lines.map((line) => JSON.parse(line)))
    expect(JSON.parse(await text(result([]), 'json'))).toEqual([])
    expect(await text(result([]), 'ndjson')).toBe('')
  })

  test('what is not strictly JSON is written as a string, not embedded', async () => {
    const columns: QueryResult['columns'] = [{ name: 'extra', type: 'json' }]
    const rows = [['{"a":NaN}'], ['1},{"forged":1']]
    expect(JSON.parse(await text(result(rows, columns), 'json'))).toEqual(rows.map(([extra]) => ({ extra })))
  })
})

describe('csv', () => {
  test('DuckDB reads back every value, and tells NULL from an empty text', async () => {
    const content = await bytes(result(ROWS), 'csv')
    const read = await duckdb(
      content,
      "read_csv(FILE, all_varchar=true, header=true, quote='\"', escape='\"', delim=',', new_line='\\r\\n', allow_quoted_nulls=false)",
    )
    expect(read.names).toEqual(COLUMNS.map(({ name }) => name))
    expect(read.rows).toEqual(ROWS.map((row) => row.map((value) => (value === null ? null : String(value)))))
  })

  test('an empty result keeps its header, and a formula stays as it is', async () => {
    expect(await text(result([]), 'csv')).toBe('name,ok,count,share,at,day,extra\r\n')
    expect(await text(result([['=1+1']], [{ name: 'a,b', type: 'text' }]), 'csv')).toBe('"a,b"\r\n=1+1\r\n')
  })
})

describe('line', () => {
  test('each column has a line, and a value cannot forge another', async () => {
    const forged = 'x\nadmin = yes\u001b[31m'
    const columns: QueryResult['columns'] = [
      { name: 'a', type: 'text' },
      { name: '日本', type: 'integer' },
    ]
    expect(
      await text(
        result(
          [
            [forged, null],
            ['', 7],
          ],
          columns,
        ),
        'line',
      ),
    ).toBe('   a = x\\u000aadmin = yes\\u001b[31m\n日本 = NULL\n\n   a = \n日本 = 7\n')
    expect(await text(result([], columns), 'line')).toBe('')
  })
})

describe('markdown', () => {
  test('is a table with numbers to the right', async () => {
    const columns: QueryResult['columns'] = [
      { name: 'action', type: 'text' },
      { name: 'n', type: 'integer' },
    ]
    const rows = [
      ['user:login', 7],
      [null, null],
    ]
    expect(await text(result(rows, columns), 'markdown')).toBe(
      '| action | n |\n|---|---:|\n| user:login | 7 |\n|  |  |\n',
    )
  })

  test('a value is neither an image, a link, HTML nor a cell of its own', async () => {
    const hostile = '![x](https://evil.example) <b> a|b `c` &lt; www.evil.example\n| forged |'
    const shown = await text(result([[hostile]], [{ name: 'v', type: 'text' }]), 'markdown')
    expect(shown.split('\n')[2]).toBe(
      '| \\!\\[x\\](https\\://evil.example) \\<b\\> a\\|b \\`c\\` \\&lt; www\\.evil.example\\\\u000a\\| forged \\| |',
    )
  })
})

describe('parquet', () => {
  test('DuckDB and hyparquet read back every type and value', async () => {
    const content = await bytes(result(ROWS), 'parquet')
    const schema = parquetMetadata(arrayBuffer(content)).schema.slice(1)
    expect(schema.map(({ type, converted_type }) => converted_type ?? type)).toEqual([
      'UTF8',
      'BOOLEAN',
      'INT_64',
      'DOUBLE',
      'TIMESTAMP_MICROS',
      'DATE',
      'UTF8',
    ])
    const read = await duckdb(content, '(SELECT * REPLACE (epoch_us("at") AS "at") FROM read_parquet(FILE))')
    expect(read.rows[0]).toEqual([ROWS[0]?.[0], true, String(BIG), 0.5, String(AT), '2026-10-01', `{"id":${BIG}}`])
    const objects = await parquetReadObjects({
      file: arrayBuffer(content),
      compressors: { ZSTD: await zstd() },
      parsers: { timestampFromMicroseconds: (at: bigint) => at },
    })
    expect(objects).toEqual([
      {
        name: ROWS[0]?.[0],
        ok: true,
        count: BIG,
        share: 0.5,
        at: AT,
        day: new Date('2026-10-01'),
        extra: `{"id":${BIG}}`,
      },
      Object.fromEntries(COLUMNS.map(({ name }) => [name, null])),
      {
        name: '',
        ok: false,
        count: -1n,
        share: -1.5,
        at: BigInt(Date.parse('0001-01-01T00:00:00Z')) * 1000n,
        day: new Date('1969-12-31'),
        extra: '[1,\n2]',
      },
    ])
  })

  test('an empty result keeps its columns, and a repeated name is told apart', async () => {
    const columns: QueryResult['columns'] = [
      { name: 'a"b', type: 'text' },
      { name: 'A"b', type: 'integer' },
    ]
    const content = await bytes(result([], columns), 'parquet')
    expect(parquetMetadata(arrayBuffer(content)).num_rows).toBe(0n)
    expect((await duckdb(content, 'read_parquet(FILE)')).names).toEqual(['a"b', 'A"b_2'])
  })

  test('rows keep their order over many chunks', async () => {
    const rows = Array.from({ length: 5000 }, (_, n) => [n])
    const content = await bytes(result(rows, [{ name: 'n', type: 'integer' }]), 'parquet')
    expect((await duckdb(content, 'read_parquet(FILE)')).rows).toEqual(rows.map(([n]) => [String(n)]))
  })

  test('the temporary file is for its owner only, and goes whatever happens', async () => {
    const cache = await temporaryFolder()
    const folder = join(cache, 'wandb-audit')
    vi.stubEnv('XDG_CACHE_HOME', cache)
    const modes: string[] = []
    const out = new Writable({
      write(_chunk, _encoding, done) {
        const [made = ''] = readdirSync(folder)
        for (const path of [join(folder, made), join(folder, made, 'result.parquet')]) {
          modes.push((statSync(path).mode & 0o777).toString(8))
        }
        done()
      },
    })
    await writeResult(result(ROWS), 'parquet', out)
    expect(modes).toEqual(['700', '600'])
    expect(readdirSync(folder)).toEqual([])
    await expect(bytes(failing(), 'parquet')).rejects.toThrow('lost the warehouse')
    expect(readdirSync(folder)).toEqual([])
  })

  test('a result without columns is refused', async () => {
    await expect(bytes(result([], []), 'parquet')).rejects.toThrow('it has no columns')
  })
})

describe('arrow', () => {
  test('every type and value reads back, to the microsecond', async () => {
    const read = tableFromIPC(await bytes(result(ROWS), 'arrow'))
    expect(read.schema.fields.map(({ type }) => String(type))).toEqual([
      'Utf8',
      'Bool',
      'Int64',
      'Float64',
      'Timestamp<MICROSECOND, UTC>',
      'Date32<DAY>',
      'Utf8',
    ])
    const column = (name: string) => [...(read.getChild(name) ?? [])]
    expect(column('name')).toEqual(ROWS.map(([name]) => name))
    expect(column('ok')).toEqual([true, null, false])
    expect(column('count')).toEqual([BIG, null, -1n])
    expect(column('share')).toEqual([0.5, null, -1.5])
    expect(column('extra')).toEqual(ROWS.map((row) => row[6]))
    expect(column('day').map((day) => day && new Date(day).toISOString().slice(0, 10))).toEqual(
      ROWS.map((row) => row[5]),
    )
    const at = read.getChild('at')
    expect(at?.nullCount).toBe(1)
    expect(at?.data[0]?.values[0]).toBe(AT)
    expect(at?.get(2)).toBe(Date.parse('0001-01-01T00:00:00Z'))
  })

  test('an empty result keeps its columns, and many rows come in batches', async () => {
    const empty = tableFromIPC(await bytes(result([]), 'arrow'))
    expect(empty.schema.names).toEqual(COLUMNS.map(({ name }) => name))
    expect(empty.numRows).toBe(0)
    const rows = Array.from({ length: 25_000 }, (_, n) => [n])
    const read = tableFromIPC(await bytes(result(rows, [{ name: 'n', type: 'integer' }]), 'arrow'))
    expect(read.batches.map(({ numRows }) => numRows)).toEqual([10_000, 10_000, 5_000])
    expect(read.getChild('n')?.get(24_999)).toBe(24_999n)
  })
})

describe('a value beyond its column type', () => {
  const cases: [QueryResult['columns'][number]['type'], Value][] = [
    ['integer', 2n ** 63n],
    ['integer', 1.5],
    ['timestamp', 'infinity'],
    ['date', 'private words'],
    ['boolean', 'yes'],
  ]
  test.each(cases)('%s: parquet and arrow name the column, never the value', async (type, value) => {
    for (const format of ['parquet', 'arrow'] as const) {
      const error = await bytes(result([[value]], [{ name: 'odd', type }]), format).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(AuditError)
      expect(String(error)).toContain(`column odd holds a value beyond ${type}`)
      expect(String(error)).not.toContain(String(value))
    }
  })
})

describe('table', () => {
  test('columns align by what a terminal shows, numbers to the right, and rows are counted', async () => {
    const columns: QueryResult['columns'] = [
      { name: 'who', type: 'text' },
      { name: 'n', type: 'integer' },
      { name: 'note', type: 'text' },
    ]
    const rows = [
      ['日本', 1, 'x'],
      ['é', 1000, null],
    ]
    expect(await text(result(rows, columns), 'table')).toBe(
      ['who      n  note', '────  ────  ────', '日本     1  x', 'é     1000  ', '(2 rows)', ''].join('\n'),
    )
  })

  test('hostile values and names cannot reach the terminal', async () => {
    const hostile = '\u001b[31m\u009b2J\n\r\u202eevil\u0007'
    const shown = await text(result([[hostile]], [{ name: hostile, type: 'text' }]), 'table', { color: false })
    expect(shown).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u)
    expect(shown.split('\n')).toHaveLength(5)
    expect(shown).toContain('\\u001b[31m\\u009b2J\\u000a\\u000d\\u202eevil\\u0007')
  })

  test('no line is wider than the terminal, and columns left out are counted', async () => {
    const columns = Array.from({ length: 6 }, (_, i) => ({ name: `column_${i}`, type: 'text' as const }))
    const shown = await text(result([Array(6).fill('日本語'.repeat(20))], columns), 'table', { width: 40 })
    const lines = shown.trimEnd().split('\n')
    expect(lines[2]).toBe('日本語…   日本語…   日本語…   日本語…')
    expect(lines[1]).toHaveLength(38)
    expect(lines.at(-1)).toBe('(1 row; 4 of 6 columns fit)')
  })

  test('an empty result keeps its header', async () => {
    const shown = await text(result([]), 'table')
    expect(shown.split('\n')[0]).toBe('name  ok  count  share  at  day  extra')
    expect(shown).toContain('(0 rows)')
  })

  test('a terminal shows NULL dimly, unless NO_COLOR is set', async () => {
    const shown = async () => {
      const out = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
      await writeResult(result([[null]], [{ name: 'a', type: 'text' }]), 'table', out)
      return String(out.read())
    }
    vi.stubEnv('NO_COLOR', '')
    expect(await shown()).toContain('\u001b[2mNULL\u001b[22m')
    vi.stubEnv('NO_COLOR', '1')
    expect(await shown()).toBe('a\n─\n\n(1 row)\n')
  })

  test('rows beyond the sample are written too', async () => {
    const rows = Array.from({ length: 2500 }, (_, n) => [n])
    const shown = await text(result(rows, [{ name: 'n', type: 'integer' }]), 'table')
    expect(shown.split('\n')).toHaveLength(2504)
    expect(shown).toContain('(2,500 rows)')
  })
})

describe('the way out', () => {
  test.each(FORMATS)('%s: a reader who leaves early ends it quietly and closes the rows', async (format) => {
    let closed = false
    async function* endless(): AsyncGenerator<Value[]> {
      try {
        for (let n = 0; n < 100_000; n++) yield [n]
      } finally {
        closed = true
      }
    }
    const out = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('left'), { code: 'EPIPE' })),
    })
    await writeResult({ columns: [{ name: 'n', type: 'integer' }], rows: endless() }, format, out)
    expect(closed).toBe(true)
    expect(out.destroyed).toBe(true)
  })

  test.each(FORMATS)('%s: any other failure to write is told', async (format) => {
    const out = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('disk full'), { code: 'ENOSPC' })),
    })
    await expect(writeResult(result(ROWS), format, out)).rejects.toThrow('the output cannot be written (ENOSPC)')
  })

  test.each(FORMATS)('%s: a failure to read is told and leaves no listener behind', async (format) => {
    const out = new PassThrough()
    out.resume()
    const before = out.listenerCount('error')
    await expect(writeResult(failing(), format, out)).rejects.toThrow('lost the warehouse')
    expect(out.listenerCount('error')).toBe(before)
  })

  test('rows are not read ahead of a slow reader', async () => {
    let read = 0
    async function* rows(): AsyncGenerator<Value[]> {
      for (; read < 100; read++) yield ['x'.repeat(70_000)]
    }
    let most = 0
    let written = 0
    const out = new Writable({
      write(_chunk, _encoding, done) {
        most = Math.max(most, read - written++)
        setImmediate(done)
      },
    })
    await writeResult({ columns: [{ name: 'x', type: 'text' }], rows: rows() }, 'ndjson', out)
    expect(written).toBe(100)
    expect(most).toBeLessThanOrEqual(1)
  })
})

function failing(): QueryResult {
  return {
    columns: [{ name: 'n', type: 'integer' }],
    rows: (async function* (): AsyncGenerator<Value[]> {
      yield [1]
      throw new Error('lost the warehouse')
    })(),
  }
}

async function zstd(): Promise<(input: Uint8Array) => Uint8Array> {
  const { decompress } = await import('fzstd')
  return (input) => decompress(input)
}
