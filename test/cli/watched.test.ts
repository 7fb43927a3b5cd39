/** A run tells monitors once how it ended. */

import { expect, it } from 'vitest'
import { watched } from '../../src/cli/watched.js'
import { never, newFolder } from '../support/load.js'

it('what fails while it tells is not told as a failure of the run', async () => {
  let warnings = 0
  const logger = {
    info() {},
    error() {},
    debug() {},
    warn() {
      warnings++
      throw new Error('the log is gone')
    },
  }
  // A folder cannot be replaced by a file.
  const settings = { metrics: newFolder(), from: [], to: [], memoryBytes: 0, warnings: [], unknownVariables: [] }
  const progress = { update() {}, stop() {}, write() {} }
  const session = { settings, logger, progress, signal: never }
  await expect(watched(session as never, 'load', {}, async () => 0)).rejects.toThrow('the log is gone')
  expect(warnings).toBe(1)
})
