/** The documented roles hold every permission that a call needs, and Terraform grants those and no others. */

import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startGcs } from '../../emulators/gcs.js'
import { loadInto, ndjson, newFolder } from '../../support/load.js'
import { eventsOf, rowsOf } from '../../support/rows.js'
import { newPlace } from './support.js'

const guide = readFileSync(join(import.meta.dirname, '../../../docs/bigquery.md'), 'utf8')
const TERRAFORM = join(import.meta.dirname, '../../../docs/bigquery.tf')

/** Of each role what is used here: https://cloud.google.com/iam/docs/roles-permissions */
const PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  'roles/bigquery.jobUser': ['bigquery.jobs.create'],
  'roles/bigquery.dataEditor': [
    'bigquery.datasets.get',
    'bigquery.tables.create',
    'bigquery.tables.delete',
    'bigquery.tables.get',
    'bigquery.tables.getData',
    'bigquery.tables.list',
    'bigquery.tables.update',
    'bigquery.tables.updateData',
  ],
  'roles/storage.objectUser': [
    'storage.objects.create',
    'storage.objects.delete',
    'storage.objects.get',
    'storage.objects.list',
  ],
  'roles/storage.legacyBucketReader': ['storage.buckets.get', 'storage.objects.list'],
}

/** By request. A job's owner may look at it, cancel it and read its result. */
const NEEDED: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^GET .*\/datasets\/\w+$/, ['bigquery.datasets.get']],
  [/^POST .*\/tables$/, ['bigquery.tables.create']],
  [/^GET .*\/tables\/\w+$/, ['bigquery.tables.get']],
  [/^PATCH .*\/tables\/\w+$/, ['bigquery.tables.update']],
  [/^DELETE .*\/tables\/\w+$/, ['bigquery.tables.delete']],
  [/^POST .*\/jobs$/, ['bigquery.jobs.create']],
  [/^GET .*\/(?:jobs|queries)\//, []],
]

/** By what a job is: https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-parquet#required_permissions */
const OF_JOBS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/"load":/, ['bigquery.tables.create', 'bigquery.tables.update', 'bigquery.tables.updateData']],
  [/"sourceUris":/, ['storage.buckets.get', 'storage.objects.get']],
  [/SELECT/, ['bigquery.tables.getData']],
  [/(?:INSERT|UPDATE|DELETE|MERGE) /, ['bigquery.tables.updateData']],
  [/INFORMATION_SCHEMA/, ['bigquery.tables.get', 'bigquery.tables.getData', 'bigquery.tables.list']],
]

it('are enough for a load by way of a bucket, for status and for queries', async () => {
  const gcs = await startGcs({ buckets: ['spool'] })
  const { standIn, open } = await newPlace({
    defaults: { defaultTableExpirationMs: '86400000' },
    async fetchObject(uri) {
      const path = join(newFolder(), 'object.parquet')
      await writeFile(path, gcs.get('spool', uri.replace('gs://spool/', '')) ?? '')
      return path
    },
  })
  await open().prepare()
  const before = standIn.requests.length
  const sink = open(`staging=${encodeURIComponent(`gs://spool/below?endpoint=${gcs.url}`)}`)
  await loadInto(sink, { a: ndjson({ timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }, 'no json') })
  for (const { sql } of await sink.questions.status(14)) await rowsOf(sink, sql)
  expect(await eventsOf(sink)).toHaveLength(1)
  await gcs.close()

  const needed = new Set(['storage.objects.create', 'storage.objects.delete'])
  for (const line of new Set(standIn.requests.slice(before))) {
    const known = NEEDED.filter(([request]) => request.test(line))
    expect(known, line).toHaveLength(1)
    for (const permission of known.flatMap(([, permissions]) => permissions)) needed.add(permission)
  }
  for (const { configuration } of standIn.jobs()) {
    const text = JSON.stringify(configuration)
    for (const [what, permissions] of OF_JOBS) if (what.test(text)) for (const each of permissions) needed.add(each)
  }
  const documented = [...guide.matchAll(/^\| `(roles\/[\w.]+)`/gm)].map(([, role = '']) => role)
  const granted = documented.flatMap((role) => PERMISSIONS[role] ?? [])
  expect([...needed].filter((permission) => !granted.includes(permission))).toEqual([])
  for (const [role, permissions] of Object.entries(PERMISSIONS)) {
    expect(documented).toContain(role)
    expect(
      permissions.some((each) => needed.has(each)),
      role,
    ).toBe(true)
  }
})

it('are those that Terraform grants', () => {
  const granted = [...readFileSync(TERRAFORM, 'utf8').matchAll(/role\s*=\s*"(roles\/[\w.]+)"/g)].map(([, role]) => role)
  expect(granted.toSorted()).toEqual(Object.keys(PERMISSIONS).toSorted())
})
