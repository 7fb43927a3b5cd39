/** The long tests: they kill the program, end it at every step, try a property on many made inputs, or repeat a suite in further stores. */

import { defineConfig } from 'vitest/config'
import tests from './vitest.config.js'

export default defineConfig({ test: { ...tests.test, include: ['test/**/*.crash.test.ts'], exclude: [] } })
