/**
 * Tests against real services, each named by a variable: WANDB_AUDIT_TEST_S3 runs test/live/s3.test.ts, and so on.
 * They write below a prefix of their own and remove it again.
 */

import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

const named = Object.entries(process.env).flatMap(([name, value]) => {
  const kind = /^WANDB_AUDIT_TEST_([A-Z0-9]+)$/.exec(name)?.[1]
  return kind === undefined || value === '' ? [] : [{ name, file: `test/live/${kind.toLowerCase()}.test.ts` }]
})
const unknown = named.find(({ file }) => !existsSync(file))

if (named.length === 0 || unknown !== undefined) {
  const reason = unknown === undefined ? 'no service is named' : `${unknown.name} names no service there are tests for`
  process.stderr.write(
    `${reason}: set WANDB_AUDIT_TEST_S3=s3://bucket/prefix, WANDB_AUDIT_TEST_GCS=gs://bucket/prefix or WANDB_AUDIT_TEST_AZURE=az://account/container/prefix (docs/s3.md, gcs.md and azure.md say what the login needs), and run it again.\n`,
  )
  process.exit(1)
}

export default defineConfig({
  test: {
    environment: 'node',
    include: named.map(({ file }) => file),
    // Somebody's network, and somebody's limits.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
})
