/** Tests against emulators and analyzers that others wrote; `make interop` installs them. */

import { defineConfig } from 'vitest/config'
import base from './vitest.config.js'

export default defineConfig({
  test: {
    ...base.test,
    include: ['test/interop/**/*.test.ts'],
    exclude: [],
    // Each file starts servers of its own.
    fileParallelism: false,
  },
})
