/**
 * Events in the form of the Open Cybersecurity Schema Framework: class API Activity.
 * https://schema.ocsf.io/1.8.0/classes/api_activity
 */

import { RECORD_FIELDS } from '../tables.js'
import type { View, ViewForms } from './activity.js'

export interface OcsfForms extends ViewForms {
  digits(integer: string): string
  /** A text column as a JSON string, in quotes. */
  jsonString(column: string): string
  /** A value of the warehouse's JSON type, from its text. */
  fromJsonText(text: string): string
}

const VERSION = '1.8.0'
const CLASS = 6003

/** A warehouse's text ends at 65,535 bytes; twelve of these, each character escaped, stay below that. */
const LONGEST = 500

/** A member of an object after the first; nothing if its value is null. */
const member = (key: string, json: string): string => `coalesce(',"${key}":' || ${json}, '')`

/** What an event may act on: its type in OCSF, the column of its id, and that of its name. */
const RESOURCES = [
  ['artifact', 'artifact_asset', 'artifact_qualified_name'],
  ['artifact sequence', 'artifact_sequence_asset', null],
  ['entity', 'entity_asset', 'entity_name'],
  ['project', 'project_asset', 'project_name'],
  ['report', 'report_asset', 'report_name'],
  ['user', 'user_asset', 'user_email'],
] as const

export function ocsfView(forms: OcsfForms): View {
  const { table, column, microseconds, digits, jsonString, fromJsonText } = forms
  const at = column('timestamp')
  const texts = RECORD_FIELDS.filter((name) => name !== 'timestamp' && name !== 'response_code')
  const shortened = texts.map((name) => `SUBSTR(${name}, 1, ${LONGEST}) AS ${name}`)
  const text = (key: string, name: string): string => member(key, jsonString(name))
  const resource = ([type, id, name]: (typeof RESOURCES)[number]): string =>
    `CASE WHEN ${name === null ? id : `coalesce(${id}, ${name})`} IS NULL THEN ''
      ELSE ',{"type":"${type}"' || ${text('uid', id)}${name === null ? '' : ` || ${text('name', name)}`} || '}' END`
  const parts = [
    `'{"class_uid":${CLASS},"class_name":"API Activity","category_uid":6,"category_name":"Application Activity","severity_id":1'`,
    member('activity_id', digits('activity_id')),
    member('type_uid', digits(`${CLASS}00 + activity_id`)),
    member('activity_name', `CASE WHEN activity_id = 99 THEN ${jsonString('action')} END`),
    member('status_id', digits('status_id')),
    member('time', digits(`CAST(FLOOR(us / 1000.0) AS BIGINT)`)),
    `',"metadata":{"version":"${VERSION}","log_name":"audit_logs","product":{"name":"Weights & Biases","vendor_name":"Weights & Biases"}'`,
    text('event_code', 'action'),
    text('uid', 'content_hash'),
    `'},"api":{"service":{"name":"Weights & Biases"}'`,
    text('operation', 'action'),
    `'},"actor":{"user":{"type_id":0'`,
    text('uid', 'actor_user_id'),
    text('email_addr', 'actor_email'),
    `CASE WHEN actor_user_id IS NULL THEN ',"name":"Unknown"' ELSE '' END`,
    `'}},"src_endpoint":{' || CASE WHEN actor_ip LIKE '%.%.%.%' OR actor_ip LIKE '%:%:%' THEN '"ip":' || ${jsonString('actor_ip')} ELSE '"name":' || coalesce(${jsonString('actor_ip')}, '"Unknown"') END`,
    `'}'`,
    `coalesce(',"http_response":{"code":' || ${digits('response_code')} || '}', '')`,
    `',"resources":[' || SUBSTR(resources, 2) || ']'`,
    `',"unmapped":{"wandb":{"log":"audit"' || ${text('cli_version', 'cli_version')} || ${text('artifact_digest', 'artifact_digest')} || '}}'`,
    `'}'`,
  ]
  return {
    name: 'audit_events_ocsf',
    sql: `-- What happened, as events of OCSF ${VERSION}, class API Activity (${CLASS}), for tools that read that?
WITH shortened AS (
  SELECT ${at}, ${microseconds(at)} AS us, content_hash, response_code,
    ${shortened.join(', ')},
    CASE
      WHEN action LIKE '%:create%' THEN 1
      WHEN action LIKE '%:read' THEN 2
      WHEN action LIKE '%:update%' OR action LIKE '%:undelete%' OR action LIKE '%:reactivate' THEN 3
      WHEN action LIKE '%:delete%' OR action LIKE '%:permanently_delete' THEN 4
      ELSE 99
    END AS activity_id,
    CASE WHEN response_code IS NULL THEN 0 WHEN response_code < 400 THEN 1 ELSE 2 END AS status_id
  FROM ${table('audit_events')}
), acted AS (
  SELECT shortened.*,
    ${RESOURCES.map(resource).join('\n    || ')} AS resources
  FROM shortened
)
SELECT
  ${at},
  content_hash,
  ${fromJsonText(parts.join('\n    || '))} AS event
FROM acted`,
  }
}
