/** The events of a Parquet lake as an Athena table. https://docs.aws.amazon.com/athena/latest/ug/create-table.html */

import { AUDIT_EVENTS, type FieldType } from './tables.js'

const TYPES: Readonly<Record<FieldType, string>> = {
  text: 'string',
  integer: 'int',
  bigint: 'bigint',
  boolean: 'boolean',
  timestamp: 'timestamp',
  json: 'string',
}

const EVENTS = 's3://acme-lake/audit/audit_events/'

export function athenaTable(): string {
  const columns = AUDIT_EVENTS.columns.map(({ name, type }) => `  \`${name}\` ${TYPES[type]}`)
  return `CREATE EXTERNAL TABLE ${AUDIT_EVENTS.name} (
${columns.join(',\n')}
)
PARTITIONED BY (event_date string)
STORED AS PARQUET
LOCATION '${EVENTS}'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.event_date.type' = 'date',
  'projection.event_date.format' = 'yyyy-MM-dd',
  'projection.event_date.range' = '2022-01-01,NOW',
  'projection.event_date.interval' = '1',
  'projection.event_date.interval.unit' = 'DAYS',
  'storage.location.template' = '${EVENTS}event_date=\${event_date}/'
);
`
}
