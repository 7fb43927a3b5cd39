import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    exclude: ['test/live/**'],
    testTimeout: 60_000,
    // The engine is native code: a process each keeps one file's crash from the others.
    pool: 'forks',
    maxWorkers: 2,
  },
})
