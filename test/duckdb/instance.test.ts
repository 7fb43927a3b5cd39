import { expect, it } from 'vitest'
import { openInMemory } from '../../src/duckdb/instance.js'

const MARK = '\ufeff'
const LONG = `${MARK}longer than a vector holds within itself`

it.each([MARK, `${MARK}a`, `${MARK}${MARK}`, `a${MARK}`, LONG])('texts come back to the byte: %j', async (text) => {
  const instance = await openInMemory()
  const connection = await instance.connect()
  try {
    const reader = await connection.runAndReadAll(
      'SELECT $1::VARCHAR, [$1::VARCHAR], {k: $1::VARCHAR}, MAP {$1::VARCHAR: 1}, json_object($1::VARCHAR, $1::VARCHAR), encode($1::VARCHAR)',
      [text],
    )
    const [[plain, list, struct, map, json, bytes] = []] = reader.getRowsJson()
    expect([plain, list, struct]).toEqual([text, [text], { k: text }])
    expect(map).toEqual([{ key: text, value: 1 }])
    expect(JSON.parse(String(json))).toEqual({ [text]: text })
    expect(String(bytes)).toContain('\\xEF\\xBB\\xBF')
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
})

it('installs and loads no extension by itself', async () => {
  const instance = await openInMemory()
  const connection = await instance.connect()
  try {
    const reader = await connection.runAndReadAll(
      "SELECT name FROM duckdb_settings() WHERE name IN ('autoinstall_known_extensions', 'autoload_known_extensions', 'allow_community_extensions', 'allow_unsigned_extensions') AND value <> 'false'",
    )
    expect(reader.getRows()).toEqual([])
    await expect(connection.run("FROM 'https://127.0.0.1:9/a.parquet'")).rejects.toThrow(/httpfs/)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
})
