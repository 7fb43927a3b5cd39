import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    exclude: ['test/live/**', 'test/interop/**', 'test/browser/**', 'test/**/*.crash.test.ts'],
    // For what hangs; tests on a busy machine are slow, and say nothing about it.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // No test looks for this machine's own login to Google, which would ask the network.
    env: { METADATA_SERVER_DETECTION: 'none', CLOUDSDK_CONFIG: '/nowhere', GOOGLE_APPLICATION_CREDENTIALS: '' },
    // The engine is native code: a process each keeps one file's crash from the others.
    pool: 'forks',
    maxWorkers: 2,
  },
})
