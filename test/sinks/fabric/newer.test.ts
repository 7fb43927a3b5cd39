/** Our own files in a landing zone, with a column that only a newer version knows, although the manifest is not newer. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Held, type Manifest, readManifest, replaceManifest } from '../../../sinks/fabric/manifest.js'
import { download, upload, type Zone } from '../../../sinks/fabric/zone.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { withDuckDB } from '../../support/lake.js'
import { loadInto, ndjson, never, newFolder } from '../../support/load.js'
import { newPlace } from './place.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)

afterAll(() => azurite.close())

const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }
const NAMED = { ...EVENT, actor_email: 'ada@example.com' }

/** A copy of a file with one more column, under a new name. */
async function widened(zone: Zone, file: string): Promise<string> {
  const [before, after] = [join(newFolder(), 'before'), join(newFolder(), 'after')]
  await download(zone, file, before, never)
  await withDuckDB((duckdb) =>
    duckdb.run(`COPY (SELECT *, 1 AS hue FROM read_parquet('${before}')) TO '${after}' (FORMAT parquet)`),
  )
  const name = file.replace('.parquet', '-newer.parquet')
  await upload(zone, name, await readFile(after), 'absent', never)
  return name
}

async function change(zone: Zone, changed: (manifest: Manifest) => Promise<Partial<Manifest>>): Promise<Manifest> {
  const held = (await readManifest(zone, never)) as Held
  const replaced = await replaceManifest(zone, held, { ...held.manifest, ...(await changed(held.manifest)) }, never)
  return (replaced as Held).manifest
}

const refused = (table: string): RegExp =>
  new RegExp(`^fabric://workspace/audit: ${table} has a column hue, which this version does not know$`)

it('a day is not written again without it', async () => {
  const { zone, sink } = await newPlace(azurite)
  await loadInto(sink(), { a: ndjson(EVENT) })
  const manifest = await change(zone, async ({ days }) => {
    const [[day, known] = ['', { file: '', events: {} }]] = Object.entries(days)
    return { days: { [day]: { ...known, file: await widened(zone, known.file) } } }
  })
  await expect(loadInto(sink(), { b: ndjson(NAMED) })).rejects.toThrow(refused('audit_event_names'))
  expect((await readManifest(zone, never))?.manifest).toEqual(manifest)
})

it('a journal is not merged without it, and can be read', async () => {
  const { zone, sink } = await newPlace(azurite)
  const day = (n: number) => ({ [`d${n}`]: ndjson({ ...EVENT, timestamp: `2026-10-0${n}T00:00:00Z` }) })
  for (let n = 1; n < 8; n++) await loadInto(sink(), day(n))
  const manifest = await change(zone, async ({ journals }) => {
    const [first = { file: '', level: 0 }, ...rest] = journals.audit_documents
    const file = await widened(zone, first.file)
    return { journals: { ...journals, audit_documents: [{ ...first, file }, ...rest] } }
  })
  await expect(loadInto(sink(), day(8))).rejects.toThrow(refused('audit_documents'))
  expect((await readManifest(zone, never))?.manifest).toEqual(manifest)
  expect((await sink().receipts('test')).size).toBe(7)
})

it('a conflict is not written again without it', async () => {
  const { zone, sink } = await newPlace(azurite)
  const contradiction = { ...NAMED, actor_email: 'ada@example.org' }
  await loadInto(sink(), { a: ndjson(NAMED), b: ndjson(contradiction) })
  const manifest = await change(zone, async ({ journals }) => {
    const wider = await Promise.all(
      journals.audit_conflicts.map(async (part) => ({ ...part, file: await widened(zone, part.file) })),
    )
    return { journals: { ...journals, audit_conflicts: wider } }
  })
  expect(manifest.journals.audit_conflicts).toHaveLength(1)
  await expect(loadInto(sink(), { c: ndjson(contradiction) })).rejects.toThrow(refused('audit_conflicts'))
  expect((await readManifest(zone, never))?.manifest).toEqual(manifest)
})
