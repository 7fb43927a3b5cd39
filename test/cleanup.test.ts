import { expect, it } from 'vitest'
import { tidied } from '../src/cleanup.js'

const fail = (what: string) => async (): Promise<never> => {
  throw new Error(what)
}

it('tidies up after what was done, and after what failed', async () => {
  const seen: string[] = []
  const tidy = () => seen.push('tidied')
  expect(await tidied(async () => 1, tidy)).toBe(1)
  await expect(tidied(fail('the cause'), tidy)).rejects.toThrow('the cause')
  expect(seen).toHaveLength(2)
})

it('tells the cause where both fail, and the tidying up where that alone fails', async () => {
  await expect(tidied(fail('the cause'), fail('the tidying up'))).rejects.toThrow('the cause')
  await expect(tidied(async () => 1, fail('the tidying up'))).rejects.toThrow('the tidying up')
})
