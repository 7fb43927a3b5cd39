/**
 * Replaces a file of the lake by its next version, under a new name. docs/decisions/parquet-lake.md
 *
 * The next number is claimed first: a small object that is no Parquet file, which the content then replaces. A version that was
 * merged too late finds no predecessor beside its claim, and a claim that somebody else has filled is another object. So every
 * version follows the one it was merged with, and the greatest number always counts.
 *
 * While a file and its next version may both be there, so is a marker that is no Parquet file either: whoever reads them all
 * fails, and never finds a row twice. Anyone may remove the marker once the version that it names is gone.
 */

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { withConnection } from '../../src/duckdb/connection.js'
import { writeParquet } from '../../src/duckdb/parquet.js'
import { AuditError, printable } from '../../src/errors.js'
import { NEVER_ABORTED } from '../../src/retry.js'
import type { StoredObject } from '../../src/stores/contract.js'
import { contended, type Lake, MOST_ATTEMPTS } from '../shared/lake.js'
import { rowsIn } from '../shared/parquet-rows.js'
import type { LakeFile } from './layout.js'
import { LAST_NUMBER, markerName, nameIn, versionName } from './names.js'

export interface Version {
  readonly number: number
  readonly object: StoredObject
}

export interface Versions {
  /** In order; the last one counts. Others are there only while they are replaced, or after a crash. */
  readonly whole: readonly Version[]
  readonly claims: readonly Version[]
  readonly markers: readonly Version[]
}

const TEXT = 'wandb-audit is replacing a file here. Read again.\n'
/** Never the same twice, because stores derive an object's version from its content. */
const newClaim = (): Buffer => Buffer.from(`${TEXT}${randomUUID()}\n`)
/** A Parquet file with the columns of a table is larger. */
const CLAIM_BYTES = newClaim().length

export const currentOf = ({ whole }: Versions): Version | null => whole.at(-1) ?? null

/** @param objects listed ones; those of other files are left out */
export function versionsAmong(lake: Lake, stem: string, objects: readonly StoredObject[]): Versions {
  const [whole, claims, markers]: [Version[], Version[], Version[]] = [[], [], []]
  for (const object of objects) {
    const name = nameIn(object.key.slice(lake.prefix.length))
    if (name?.stem !== stem) continue
    const kind = name.isMarker ? markers : object.bytes === CLAIM_BYTES ? claims : whole
    kind.push({ number: name.number, object })
  }
  for (const kind of [whole, claims, markers]) kind.sort((one, other) => one.number - other.number)
  return { whole, claims, markers }
}

/** A version whose predecessor is not there, although an older one is: loads leave no gap. */
export const strayIn = ({ whole }: Versions): Version | null =>
  whole.find(({ number }, i) => i > 0 && number !== Number(whole[i - 1]?.number) + 1) ?? null

/** @throws AuditError when somebody else put a version there */
export async function versionsOf(lake: Lake, stem: string, signal: AbortSignal): Promise<Versions> {
  const objects = []
  for await (const object of lake.store.list(lake.prefix + stem, signal)) objects.push(object)
  const versions = versionsAmong(lake, stem, objects)
  const stray = strayIn(versions)
  if (stray !== null) throw foreign(lake, stray, 'does not follow the version before it')
  return versions
}

const foreign = (lake: Lake, { object }: Version, says: string): AuditError =>
  new AuditError(`${lake.id}: ${printable(object.key.slice(lake.prefix.length))} ${says}: no load has put it there`, {
    advice: 'Find out where it comes from, remove it, and run this again.',
    outside: true,
  })

/**
 * Makes a local file the version after `over`, and removes what it replaces.
 *
 * A replacement that has begun is finished: aborts are ignored.
 *
 * @param over the version that the content was merged with; null when there was none
 * @returns false, with nothing replaced, when `over` is no longer the current one
 */
export async function replace(lake: Lake, stem: string, over: Version | null, content: string): Promise<boolean> {
  const { store, prefix } = lake
  if (over?.number === LAST_NUMBER) throw foreign(lake, over, 'has the last number that there is')
  const number = (over?.number ?? 0) + 1
  const key = prefix + versionName(stem, number)
  if (over !== null)
    await store.write(prefix + markerName(stem, over.number), Buffer.from(TEXT), 'absent', NEVER_ABORTED)
  await store.write(key, newClaim(), 'absent', NEVER_ABORTED)
  const there = await versionsOf(lake, stem, NEVER_ABORTED)
  const claim = there.claims.find((each) => each.number === number)
  const won =
    claim !== undefined &&
    isSame(currentOf(there), over) &&
    (await store.write(key, { file: content }, claim.object, NEVER_ABORTED)) !== null
  if (won) await removeBefore(lake, number, there)
  else await tidy(lake, stem)
  return won
}

const isSame = (one: Version | null, other: Version | null): boolean =>
  one?.object.key === other?.object.key && one?.object.version === other?.object.version

async function tidy(lake: Lake, stem: string): Promise<void> {
  const there = await versionsOf(lake, stem, NEVER_ABORTED)
  await removeBefore(lake, currentOf(there)?.number ?? 0, there)
}

/** The oldest first, so that no version is gone while an earlier one is there; markers last, after the versions they name. */
async function removeBefore(lake: Lake, current: number, { whole, claims, markers }: Versions): Promise<void> {
  for (const { number, object } of [...whole, ...claims, ...markers])
    if (number < current) await lake.store.remove(object.key, NEVER_ABORTED)
}

/** Whether a load has not finished replacing the file: it is at it still, or was killed. */
export function isUnfinished({ whole, claims, markers }: Versions): boolean {
  const current = whole.at(-1)?.number ?? 0
  const isLeft = ({ number }: Version): boolean => number <= current
  return whole.length > 1 || markers.some(isLeft) || claims.some(({ number }) => number <= current + 1)
}

/**
 * Finishes what a load left unfinished. A claim is never removed before it is filled or outnumbered, because a load may be filling
 * it: it gets the rows that are there. If that load is alive, it merges again.
 *
 * @param folder for local copies
 */
export async function repair(lake: Lake, file: LakeFile, folder: string, signal: AbortSignal): Promise<void> {
  const { stem } = file
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const there = await versionsOf(lake, stem, signal)
    if (!isUnfinished(there)) return
    const over = currentOf(there)
    const number = over?.number ?? 0
    const isReplaced =
      there.claims.some((claim) => claim.number === number + 1) || there.markers.some((each) => each.number === number)
    if (!isReplaced) await removeBefore(lake, number, there)
    else await replaceByItself(lake, file, over, folder, signal)
  }
  throw contended(lake, `replacing ${stem}`)
}

async function replaceByItself(
  lake: Lake,
  { table, stem }: LakeFile,
  over: Version | null,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const copy = join(folder, `${randomUUID()}.parquet`)
  try {
    if (over === null) await withConnection((connection) => writeParquet(lake.id, connection, rowsIn(table, []), copy))
    else if (!(await lake.fetch(over.object, copy, signal))) return
    await replace(lake, stem, over, copy)
  } finally {
    await rm(copy, { force: true })
  }
}
