/** `bigquery://project/dataset?option=value`: where the tables are, and how to reach them. */

import { createHash } from 'node:crypto'
import { parseAddress } from '../../src/address.js'
import { printable, usageError } from '../../src/errors.js'
import { OPTIONS, PROJECT } from './options.js'

export interface BigQueryAddress {
  /** As the operator addressed it. */
  readonly id: string
  /** Where the dataset is. */
  readonly project: string
  /** The project that runs the jobs and pays for them. */
  readonly billingProject: string
  readonly dataset: string
  readonly tablePrefix: string
  /** Where to create a missing dataset; an existing one must be there. Null: anywhere. */
  readonly location: string | null
  /** `gs://bucket[/prefix]` for staged files; null: they are uploaded with the load job. */
  readonly staging: string | null
  readonly requirePartitionFilter: boolean
  /** Whether to load into tables that expire. */
  readonly allowExpiration: boolean
  /** A Cloud KMS key; null: Google-managed keys. */
  readonly kmsKey: string | null
  /** Limit for each query job; null: none. */
  readonly maximumBytesBilled: string | null
  /** Added to every job, in addition to our own labels. */
  readonly labels: Readonly<Record<string, string>>
  /** Another API server; null: Google's. */
  readonly endpoint: string | null
}

/** https://cloud.google.com/bigquery/docs/datasets#dataset-naming */
const DATASET = /^[A-Za-z0-9_]{1,1024}$/
/** https://cloud.google.com/bigquery/docs/labels-intro#requirements, in ASCII. */
const LABEL = /^([a-z][a-z0-9_-]{0,62}):([a-z0-9_-]{0,63})$/
const OUR_LABELS = ['application', 'load_id']

/** @throws AuditError, exit code 2, for a name that BigQuery does not accept, or an unknown option */
export function parseBigQueryAddress(address: string): BigQueryAddress {
  const { path, options } = parseAddress(address, OPTIONS)
  const [project = '', dataset = '', ...more] = path.split('/')
  if (!PROJECT.test(project) || !DATASET.test(dataset) || more.length > 0) {
    throw usageError(
      `${printable(`bigquery://${path}`)} names no project and dataset`,
      'Write bigquery://PROJECT/DATASET; a dataset has letters, digits and underscores.',
    )
  }
  if (options.endpoint !== undefined && !URL.canParse(options.endpoint)) {
    throw usageError(`${printable(`bigquery://${path}`)}: option endpoint is not ${OPTIONS.endpoint.expected}`)
  }
  const { table_prefix: tablePrefix = '', location = null, staging = null, labels, endpoint } = options
  return {
    id: `bigquery://${project}/${dataset}${tablePrefix === '' ? '' : `?table_prefix=${tablePrefix}`}`,
    project,
    billingProject: options.billing_project ?? project,
    dataset,
    tablePrefix,
    location,
    staging,
    requirePartitionFilter: options.require_partition_filter === 'true',
    allowExpiration: options.allow_expiration === 'true',
    kmsKey: options.kms_key ?? null,
    maximumBytesBilled: options.maximum_bytes_billed ?? null,
    labels: parseLabels(labels),
    endpoint: endpoint === undefined ? null : new URL(endpoint).origin,
  }
}

/** Distinguishes this dataset and prefix in job ids, which share one project; eight hex digits. */
export function fingerprint({ project, dataset, tablePrefix }: BigQueryAddress): string {
  return createHash('sha256').update(`${project}/${dataset}/${tablePrefix}`).digest('hex').slice(0, 8)
}

/** Whether the server is on this machine, and so gets no credentials. */
export const isLocal = (endpoint: string | null): boolean =>
  endpoint !== null && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(endpoint).hostname)

function parseLabels(text: string | undefined): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const each of text === undefined ? [] : text.split(',')) {
    const [, key = '', value = ''] = LABEL.exec(each) ?? []
    if (key === '' || OUR_LABELS.includes(key) || key in labels) {
      throw usageError(
        `bigquery: option labels cannot hold ${printable(each)}`,
        `Write key:value,key:value in lower case, each key once, none of ${OUR_LABELS.join(', ')}.`,
      )
    }
    labels[key] = value
  }
  return labels
}
