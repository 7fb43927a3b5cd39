import { expect, it } from 'vitest'
import { retrying } from '../src/retry.js'

it('many attempts at once that listen to one signal cause no warning of a leak', async () => {
  const warnings: string[] = []
  const listener = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', listener)
  const { signal } = new AbortController()
  let settle = (): void => {}
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })
  const attempt = (): Promise<void> => {
    signal.addEventListener('abort', () => {})
    return settled
  }
  const all = Array.from({ length: 20 }, () => retrying(attempt, signal))
  // Warnings are emitted in a later turn.
  await new Promise(setImmediate)
  settle()
  await Promise.all(all)
  process.off('warning', listener)
  expect(warnings).toEqual([])
})
