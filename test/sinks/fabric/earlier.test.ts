/** A landing zone that a version made which knew neither conflicts nor pieces of rejects. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { AUDIT_CONFLICTS } from '../../../schemas/tables.js'
import { readManifest } from '../../../sinks/fabric/manifest.js'
import { download, list, readText, remove, upload } from '../../../sinks/fabric/zone.js'
import { type Azurite, startAzurite } from '../../emulators/azurite.js'
import { withDuckDB } from '../../support/lake.js'
import { loadInto, ndjson, never, newFolder } from '../../support/load.js'
import { eventsOf, tableOf } from '../../support/rows.js'
import { catchUp, newPlace, type Place } from './place.js'

let azurite: Azurite

beforeAll(async () => {
  azurite = await startAzurite()
}, 180_000)

afterAll(() => azurite.close())

const MANIFEST = '_wandb_audit/manifest.json'
const NEW = ['audit_conflicts', 'audit_reject_pieces']
const EVENT = { timestamp: '2026-10-01T12:34:56Z', action: 'user:login' }

/** Makes a zone that was loaded look as it did then. */
async function makeEarlier({ zone }: Place): Promise<void> {
  const { text, version } = (await readText(zone, MANIFEST, never)) as { text: string; version: string }
  const manifest = JSON.parse(text)
  for (const name of NEW) {
    delete manifest.journals[name]
    delete manifest.tables[name]
    for await (const { key } of list(zone, `wandb_audit.schema/${name}/`, never)) await remove(zone, [key], never)
  }
  for (const table of ['audit_event_names', 'audit_loads']) manifest.tables[table].opening = 'as it was'
  for (const day of Object.values<{ file: string }>(manifest.days)) {
    const [now, then] = [join(newFolder(), 'now'), join(newFolder(), 'then')]
    await download(zone, day.file, now, never)
    await withDuckDB((duckdb) =>
      duckdb.run(
        `COPY (SELECT * EXCLUDE (names_document, source_document) FROM read_parquet('${now}')) TO '${then}' (FORMAT parquet)`,
      ),
    )
    day.file = day.file.replace('.parquet', '-then.parquet')
    await upload(zone, day.file, await readFile(then), 'absent', never)
  }
  await upload(zone, MANIFEST, Buffer.from(JSON.stringify(manifest)), { version }, never)
}

it('gets the tables it lacks, and what it holds is compared with', async () => {
  const place = await newPlace(azurite)
  await loadInto(place.sink(), { a: ndjson({ ...EVENT, project_name: 'one', note: 1 }) })
  await makeEarlier(place)
  await catchUp(place.replicator)
  const sink = place.mirrored()
  await loadInto(sink, { b: ndjson({ ...EVENT, project_name: 'another', note: 2 }) })
  await loadInto(sink, { 'https://acme.wandb.io': ndjson({ ...EVENT, project_name: 'api' }) })
  expect(place.replicator.stopped.size).toBe(0)
  const conflicts = await tableOf(sink, AUDIT_CONFLICTS)
  const of = conflicts.map((row) => [row.column_name, row.kept, row.other, row.kept_document, row.other_document])
  // Which document a row has its values from was not kept then.
  expect(of.sort()).toEqual([
    ['extra', '{"note":1}', '{"note":2}', null, 'b'],
    ['project_name', 'api', 'one', 'https://acme.wandb.io', null],
    ['project_name', 'one', 'another', null, 'b'],
  ])
  expect(await eventsOf(sink)).toMatchObject([{ project_name: 'api', names_document: 'https://acme.wandb.io' }])
  const held = await readManifest(place.zone, never)
  expect(NEW.map((name) => held?.manifest.tables[name]?.number)).toEqual([3, 1])
})
