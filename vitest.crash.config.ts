/** Tests that kill the program, end it at every step of its work, or try a property on many made inputs: `make test-crash`. */

import { defineConfig } from 'vitest/config'
import tests from './vitest.config.js'

export default defineConfig({ test: { ...tests.test, include: ['test/**/*.crash.test.ts'], exclude: [] } })
