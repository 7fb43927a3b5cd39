import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { netrcPasswords } from '../../../src/sources/api/netrc.js'

interface Expected {
  readonly file: string
  /** As `netrc.netrc(path).hosts` of Python 3.11 has them; null where it raises NetrcParseError. */
  readonly passwords: Readonly<Record<string, string>> | null
}

const EXPECTED: readonly Expected[] = JSON.parse(
  readFileSync(new URL('../../../fixtures/netrc.json', import.meta.url), 'utf8'),
)

const read = (file: string): Record<string, string> => Object.fromEntries(netrcPasswords(file, '.netrc'))

describe('netrc', () => {
  test('is read as Python reads it', () => {
    expect(EXPECTED.length).toBeGreaterThan(300)
    for (const { file, passwords } of EXPECTED) {
      if (passwords === null) expect(() => read(file), file).toThrow('is not a netrc file')
      else expect(read(file), file).toEqual(passwords)
    }
  })

  test.each([
    ['behind an empty line', 'machine g password q\n\n# the key of CI\nmachine h password p', { g: 'q', h: 'p' }],
    ['at the beginning', '#the key of CI\nmachine h password p', { h: 'p' }],
    ['that holds an entry', '#old machine h password q\nmachine g password p', { g: 'p' }],
    ['that ends in a backslash', 'machine h\n# password q\\\n password p', { h: 'p' }],
  ])('has a comment %s end with its line, where Python reads on or gives up', (_, file, passwords) =>
    expect(read(file)).toEqual(passwords),
  )

  test('of a megabyte of anything is read in one pass', () => {
    for (const piece of ['"', '\\', '#', 'a ', 'macdef a\nb\n\n', '\n', 'machine h password p # c\n'])
      try {
        read(piece.repeat(1_000_000 / piece.length))
      } catch (error) {
        expect(error).toMatchObject({ exitCode: 2 })
      }
  })
})
