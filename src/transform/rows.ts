/** Turns a row of audit_events, as a warehouse exports it, back into the record that it was made from. */

import { recordProblem } from '../../schemas/record.js'
import { AUDIT_EVENTS, RECORD_FIELDS } from '../../schemas/tables.js'
import { type Acceptance, type Accepted, essentials, inspect, type Outcome } from './line-by-line.js'
import { recordTexts, textOf } from './members.js'
import type { LineBytes } from './raw.js'
import { type Member, MOST_KEYS, scan } from './scan.js'

/** Within JSON, the text of an `extra` takes up to twice its bytes; merged from several readings, it may have more keys than a line. */
const [MOST_BYTES, MOST_EXTRA_KEYS] = [64 * 1024 * 1024, 4 * MOST_KEYS]
/** The limit of Redshift's VARCHAR. */
const TEXT_BYTES = 65_535

/** Keys of Redshift's own in `extra`: docs/decisions/redshift-extra.md. */
const [EXACT, PARTS] = ['_exact', '_exact_parts']

const COLUMNS = new Set(AUDIT_EVENTS.columns.map(({ name }) => name))
const SHA256 = /^[0-9a-f]{64}$/
const LINE = /^[1-9][0-9]{0,17}$/
/** As RFC 3339, and as BigQuery and DuckDB write an instant in UTC. */
const INSTANT = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z| UTC|\+00(?::00)?)$/

type Problem = Exclude<ReturnType<Acceptance['accept']>, Accepted>

/** Turns a line of an export into the record of its row, with what the row claims, or into a reject. */
export const inspectRow = (line: LineBytes): Outcome =>
  inspect(line, { mostBytes: MOST_BYTES, mostKeys: MOST_EXTRA_KEYS, accept })

function accept(members: readonly Member[] | null): Accepted | Problem {
  if (members === null) return { reason: 'not_an_object', message: 'the line is JSON, but not an object' }
  if (members.some(({ key }) => !COLUMNS.has(key))) return badRow('it has a column that audit_events has not')
  const extra = extraOf(members.find(({ key }) => key === 'extra'))
  if (extra === null) return badRow('extra is not a JSON object')
  if (extra.some(({ key }) => key === PARTS)) return badRow('its extra is in audit_parts of Redshift')
  const columns = new Map<string, string>()
  for (const { key, value } of members) {
    if (key === 'extra' || value === 'null') continue
    if (/^[{[]/.test(value)) return badRow('a value in it is an array or an object')
    columns.set(key, textOf(value) ?? '')
  }
  const record = recordOf(columns, extra)
  const problem = recordProblem(essentials(record))
  if (problem !== null) return problem
  const text = (name: string): string | null => columns.get(name) ?? null
  const [hash, line] = [text('content_hash') ?? '', text('source_line') ?? '']
  const [document, names] = [text('source_document'), text('names_document')]
  if (!SHA256.test(hash)) return badRow('content_hash is not a SHA-256')
  if ([document, names].some((each) => Buffer.byteLength(each ?? '') > TEXT_BYTES)) {
    return badRow(`the name of a document is longer than ${TEXT_BYTES} bytes`)
  }
  return { record: recordTexts(record), claims: [hash, document, LINE.test(line) ? line : null, names] }
}

const badRow = (why: string): Problem => ({
  reason: 'bad_row',
  message: `the line is not a row of audit_events: ${why}`,
})

/** The members of `extra`, which is an object, or a text that holds one; null when it is neither. */
function extraOf(extra: Member | undefined): readonly Member[] | null {
  if (extra === undefined || extra.value === 'null') return []
  let { written } = extra
  // BigQuery keeps as a text what is nested deeper than its JSON may be, and an export may write all JSON as text.
  for (let depth = 0; depth < 2 && written.toString('utf8', 0, 1) === '"'; depth++) {
    written = Buffer.from(String(JSON.parse(written.toString('utf8'))))
  }
  const members = membersOf(written)
  const exact = members?.find(({ key }) => key === EXACT)
  const exactMembers = exact === undefined ? null : exactOf(exact)
  if (members === null || exactMembers === null) return members
  const replaced = new Set([EXACT, ...exactMembers.map(({ key }) => key)])
  return [...members.filter(({ key }) => !replaced.has(key)), ...exactMembers]
}

function membersOf(json: Buffer): readonly Member[] | null {
  const scanned = scan(json, MOST_EXTRA_KEYS)
  return 'problem' in scanned ? null : scanned.members
}

/** The exact values that Redshift keeps beside those of SUPER, as JSON texts; null when it is a record's own key of that name. */
function exactOf({ written }: Member): readonly Member[] | null {
  const exact: Member[] = []
  for (const { key, value } of membersOf(written) ?? []) {
    if (!value.startsWith('"')) return null
    const members = membersOf(Buffer.from(`{${JSON.stringify(key)}:${JSON.parse(value)}}`))
    if (members?.length !== 1) return null
    exact.push(...members)
  }
  return exact.length === 0 ? null : exact
}

/** `extra` holds under its key what a column could not hold exactly. */
function recordOf(columns: ReadonlyMap<string, string>, extra: readonly Member[]): Member[] {
  const exact = new Set(extra.filter(({ value }) => value !== 'null').map(({ key }) => key))
  const known = RECORD_FIELDS.flatMap((field) => {
    const text = columns.get(field)
    if (text === undefined || exact.has(field)) return []
    const value = JSON.stringify(field === 'timestamp' ? instantOf(text) : text)
    return [{ key: field, value, written: Buffer.from(value), repeats: false }]
  })
  return [...known, ...extra.filter(({ key }) => exact.has(key))]
}

/** RFC 3339 with no more digits than needed; any other text as it is. */
function instantOf(text: string): string {
  const [, date, time, fraction = ''] = INSTANT.exec(text) ?? []
  if (date === undefined) return text
  const digits = fraction.replace(/0+$/, '')
  return `${date}T${time}${digits === '' ? '' : `.${digits}`}Z`
}
