import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Document } from '../../src/contract.js'
import { batchOf, documentOf, newEngine } from '../support/load.js'

const BASE = '"timestamp":"2026-10-01T12:34:56Z","action":"user:login"'
const keys = (count: number): string => Array.from({ length: count }, (_, i) => `"key ${i}":"v"`).join()

/** A line of each kind that must cost nobody but itself, and its reason. */
const BAD: Readonly<Record<string, readonly [reason: string, line: string | Uint8Array]>> = {
  text: ['not_json', 'hello'],
  'cut short': ['not_json', `{${BASE},"x":"`],
  'two objects': ['not_json', `{${BASE}}{${BASE}}`],
  NUL: ['not_json', `{${BASE},"x":"a\0b"}`],
  nan: ['not_json', `{${BASE},"cli_version":nan}`],
  inf: ['not_json', `{${BASE},"x":[-inf]}`],
  'a comma too many': ['not_json', `{${BASE},"x":[1,]}`],
  'a form feed': ['not_json', `\f{${BASE}}`],
  'no UTF-8': ['not_utf8', Buffer.from([0x7b, 0xff, 0x7d])],
  'a list': ['not_an_object', `[{${BASE}}]`],
  'no timestamp': ['no_timestamp', '{"action":"a"}'],
  'no action': ['no_action', '{"timestamp":"2026-10-01T12:34:56Z"}'],
  'a day that is none': ['bad_timestamp', '{"timestamp":"2026-02-30T00:00:00Z","action":"a"}'],
  'half a character': ['unpaired_surrogate', `{${BASE},"x":"\\ud800"}`],
  'half a character that a key hides': ['unpaired_surrogate', `{${BASE},"x":{"k":"\\ud800","k":1}}`],
  'a documented key twice': ['duplicate_key', `{${BASE},"actor_ip":"1","actor_ip":"2"}`],
  'an unknown key twice': ['duplicate_key', `{${BASE},"x":1,"x":2}`],
  'many levels': ['too_deep', `{${BASE},"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
  'many levels without an end': ['too_deep', '[{"a":'.repeat(20_000)],
  'many keys': ['too_many_keys', `{${BASE},${keys(3000)}}`],
  'many keys within': ['too_many_keys', `{${BASE},"x":{"y":{${keys(2000)}}}}`],
}
const KINDS = Object.entries(BAD).map(([kind, [reason, line]]) => ({ kind, reason, line }))

const SEEDS = 500
/** Seeds that plant in the same documents. */
const TOGETHER = 20
const DOCUMENTS = 100

const places = fc.array(fc.record({ document: fc.nat(DOCUMENTS - 1), line: fc.nat(2) }), {
  minLength: KINDS.length,
  maxLength: KINDS.length,
})

/** Good documents of two lines; before, between or behind these every seed plants a line of each kind somewhere. */
function planted(seeds: readonly number[]): readonly Document[] {
  const lines = Array.from({ length: DOCUMENTS }, (_, d): (string | Uint8Array)[] => [
    `{${BASE},"actor_user_id":${2 * d}}`,
    `{${BASE},"actor_user_id":${2 * d + 1}}`,
  ])
  for (const seed of seeds) {
    const [chosen = []] = fc.sample(places, { seed, numRuns: 1 })
    for (const [k, { document, line }] of chosen.entries()) lines[document]?.splice(line, 0, KINDS[k]?.line ?? '')
  }
  return lines.map((each, d) =>
    documentOf(String(d), Buffer.concat(each.flatMap((line) => [Buffer.from(line as string), Buffer.from('\n')]))),
  )
}

it(`a line of every bad kind among ${DOCUMENTS} good documents, in ${SEEDS} random places: all that is good becomes events, and each bad one a reject with its reason`, async () => {
  const engine = await newEngine()
  const reasons = KINDS.map(({ reason }) => reason)
    .flatMap((reason) => Array.from({ length: TOGETHER }, () => reason))
    .sort()
  for (let first = 0; first < SEEDS; first += TOGETHER) {
    await batchOf(engine, planted(Array.from({ length: TOGETHER }, (_, i) => first + i)))
    const good = await engine.number('SELECT count(DISTINCT actor_user_id) FROM events')
    expect([first, good, await engine.number('SELECT count(*) FROM events')]).toEqual([first, 2 * DOCUMENTS, good])
    const rejects = await engine.rows('SELECT reason FROM rejects ORDER BY reason')
    expect(rejects.map(({ reason }) => reason)).toEqual(reasons)
  }
}, 600_000)
