/** The built program reads from Google Cloud Storage and Azure. */

import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCOUNT, type Azurite, KEY, startAzurite } from '../emulators/azurite.js'
import type { Fault } from '../emulators/faults.js'
import { type GcsStandIn, startGcs } from '../emulators/gcs.js'
import { countsOf, newFolder, run, runProgram, spoolsOf, start, summaryOf } from './support.js'

const NAME = 'wandb-audit-logs/2026-10.json'
const LINES = Buffer.from(
  [1, 2, 3].map((i) => `{"timestamp":"2026-10-0${i}T12:00:00Z","action":"user:login","actor_user_id":${i}}\n`).join(''),
)

let gcs: GcsStandIn
let azurite: Azurite
beforeAll(async () => {
  gcs = await startGcs({ buckets: ['instance'] })
  gcs.put('instance', NAME, LINES)
  azurite = await startAzurite()
  const container = new ContainerClient(`${azurite.direct}/instance`, new StorageSharedKeyCredential(ACCOUNT, KEY))
  await container.create()
  await container.getBlockBlobClient(NAME).upload(LINES, LINES.length)
}, 180_000)
afterAll(async () => {
  await gcs.close()
  await azurite.close()
})

interface Cloud {
  readonly from: string
  readonly env: Readonly<Record<string, string>>
  fail(fault: Fault): void
  faultsLeft(): number
}

const CLOUDS: readonly [name: string, cloud: () => Cloud][] = [
  [
    'Google Cloud Storage',
    () => ({
      from: `gs://instance?endpoint=${gcs.url}`,
      env: { METADATA_SERVER_DETECTION: 'none' },
      fail: gcs.fail,
      faultsLeft: () => gcs.faultsLeft,
    }),
  ],
  [
    'Azure',
    () => ({
      from: `az://${ACCOUNT}/instance?endpoint=${azurite.endpoint}`,
      env: { AZURE_STORAGE_KEY: KEY },
      fail: azurite.fail,
      faultsLeft: () => azurite.faultsLeft,
    }),
  ],
]

describe.each(CLOUDS)('a load from %s', (_name, cloud) => {
  it('is done once, and nothing but its own words is written', async () => {
    const { from, env } = cloud()
    const cwd = newFolder()
    const dry = await runProgram(['load', '--from', from, '--dry-run'], { cwd, env })
    expect(dry.stdout).toBe(`${LINES.length}\t${from.replace(/\?.*/, '')}/${NAME}\n`)
    expect(dry.stderr).not.toMatch(/warning|deprecat/i)
    expect(countsOf(await summaryOf(['load', '--from', from], { cwd, env }))).toEqual([3, 3, 0, 0, 0])
    expect(await summaryOf(['load', '--from', from], { cwd, env })).toMatchObject({ documents: 0, skipped: 1 })
  })

  it('ends at Ctrl-C, though the service says nothing more', async () => {
    const { from, env, fail, faultsLeft } = cloud()
    for (const fault of [
      { kind: 'stall', action: 'read', afterBytes: 20 },
      { kind: 'stall', action: 'list' },
    ] as const) {
      const cwd = newFolder()
      fail(fault)
      const { child, result } = start(['load', '--from', from], { cwd, env })
      while (faultsLeft() > 0) await new Promise(setImmediate)
      child.kill('SIGINT')
      expect(await result).toMatchObject({ code: 130, stdout: '' })
      expect(spoolsOf(cwd)).toEqual([])
    }
  })
})

it('without a login says where one is looked for', async () => {
  const none = { METADATA_SERVER_DETECTION: 'none', AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' }
  for (const [from, says] of [
    ['gs://instance', /no login for Google Cloud was found\n {2}Run `gcloud auth application-default login`/],
    ['az://instance/logs', /no login for Azure was found\n {2}Run `az login`/],
  ] as const) {
    const { code, stderr } = await run(['load', '--from', from], { env: none })
    expect(code).toBe(2)
    expect(stderr).toMatch(says)
  }
})
