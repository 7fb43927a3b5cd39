/** The data dictionary, docs/data-dictionary.md, for people who write SQL against the tables. */

import type { Action } from './actions.js'
import { typeOf, WAREHOUSE_TYPES } from './ddl.js'
import { MIRRORED_EVENTS, MIRRORED_NAMES, MIRRORED_SCHEMA } from './fabric.js'
import { type Column, FILLED_FIELDS, type FieldClass, type Table } from './tables.js'

const SERVED_BY: Readonly<Record<FieldClass, string>> = {
  identity: 'API, anonymised API, bucket',
  name: 'API',
  content: '–',
  provenance: '–',
}

const PREFACE = `# Data dictionary

<!-- Generated from schemas/ by \`npm run generate\`; change it there. -->

Timestamps are in UTC with microsecond precision. Ids are text. A column of \`audit_events\` that is not required is null
if the record did not have its key.

- **Class.** *identity*: part of \`content_hash\`. *name*: looked up by W&B when the API is called, so the bucket and the
  anonymised API do not have it, and a later load may fill it in. *content*: the other data of the row. *provenance*:
  describes a load; in \`audit_events\`, the load that first brought the event.
- **Served by.** Which sources have the value; – if wandb-audit derives it. \`extra\` holds whatever any of the sources
  served beyond the other columns.
`

/** The page as Markdown text, ending in a newline. */
export function dataDictionary(tables: readonly Table[], actions: readonly Action[]): string {
  return `${[PREFACE.trimEnd(), ...tables.map(tableSection), fabricSection(), actionsSection(actions)].join('\n\n')}\n`
}

function tableSection(table: Table): string {
  const warehouses = Object.entries(WAREHOUSE_TYPES)
  const header = ['Column', 'Meaning', 'Class', 'Required', 'Served by', ...warehouses.map(([warehouse]) => warehouse)]
  const row = (column: Column): string[] => [
    `\`${column.name}\``,
    column.meaning,
    column.class,
    column.required ? 'yes' : 'no',
    SERVED_BY[column.class],
    ...warehouses.map(([, dialect]) => typeOf(column, dialect)),
  ]
  const key = table.key.map((name) => `\`${name}\``).join(', ')
  return `## ${table.name}\n\n${table.meaning} Key: ${key}.\n\n${markdownTable(header, table.columns.map(row))}`
}

/** Only Fabric divides a table in two. */
function fabricSection(): string {
  const code = (name: string): string => `\`${name}\``
  return [
    '## In Microsoft Fabric',
    `The mirrored tables are in the schema ${code(MIRRORED_SCHEMA)}. ${code(MIRRORED_EVENTS.name)} has no ${[...FILLED_FIELDS, 'names_document'].map(code).join(', ')} there: ` +
      `they are in ${code(MIRRORED_NAMES.name)}, with the same key. ${MIRRORED_NAMES.meaning} The view ${code(`dbo.${MIRRORED_EVENTS.name}`)} ` +
      'joins the two, with the columns in the order above.',
  ].join('\n\n')
}

function actionsSection(actions: readonly Action[]): string {
  const rows = actions.map(({ action, category, destructive, definition }) => [
    `\`${action}\``,
    definition,
    category,
    destructive ? 'yes' : 'no',
  ])
  return [
    '## Actions',
    `The ${actions.length} documented actions, the rows of \`audit_actions\`. Events with other actions are kept as well.`,
    markdownTable(['Action', 'Definition', 'Category', 'Destructive'], rows),
  ].join('\n\n')
}

function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}
