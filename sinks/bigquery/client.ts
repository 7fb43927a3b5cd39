/** The official client, with its own retries switched off. */

import { BigQuery, type BigQueryOptions } from '@google-cloud/bigquery'
import { PassThroughClient } from 'google-auth-library'
import { requireUsableProxies } from '../../src/address.js'
import { usageError } from '../../src/errors.js'
import { type BigQueryAddress, isLocal } from './address.js'

/**
 * Application default credentials, unless the server is on this machine, which must not receive them.
 * https://cloud.google.com/docs/authentication/application-default-credentials
 *
 * @throws AuditError, exit code 2, when the environment would send the client to another server
 */
export function newClient({ id, billingProject, endpoint, location }: BigQueryAddress): BigQuery {
  if (process.env[REDIRECTION] !== undefined) {
    throw usageError(
      `${id}: ${REDIRECTION} is set, and would lead the client and its login elsewhere`,
      'Unset it; a server on this machine is named by ?endpoint=.',
    )
  }
  requireUsableProxies(process.env)
  const options: BigQueryOptions = {
    projectId: billingProject,
    // The client would retry silently, but jobs.ts must know whether a job may already exist.
    retryOptions: { autoRetry: false },
    userAgent: 'wandb-audit',
  }
  if (endpoint !== null) options.apiEndpoint = endpoint
  if (location !== null) options.location = location
  if (isLocal(endpoint)) options.authClient = new PassThroughClient()
  return new BigQuery(options)
}

const REDIRECTION = 'BIGQUERY_EMULATOR_HOST'
