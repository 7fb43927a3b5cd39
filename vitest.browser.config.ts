/** Tests of pages in a real browser; `make test-browser` installs what they need. */

import { defineConfig } from 'vitest/config'
import base from './vitest.config.js'

export default defineConfig({ test: { ...base.test, include: ['test/browser/**/*.test.ts'], exclude: [] } })
