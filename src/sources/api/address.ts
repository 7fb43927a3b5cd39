/** Finds the endpoint at which a W&B deployment serves its audit logs. */

import { usageError } from '../../errors.js'

export type Dialect = 'classic' | 'between' | 'current' | 'multi-tenant'

export interface ApiAddress {
  /** The deployment's URL, without a trailing slash: `https://acme.wandb.io`. */
  readonly base: string
  /** The URL of the logs: `https://acme.wandb.io/admin/audit_logs`. */
  readonly endpoint: string
  readonly multiTenant: boolean
  /** Whether the server runs on this machine. */
  readonly loopback: boolean
}

const PATHS = { multiTenant: '/audit_logs', own: '/admin/audit_logs' }

/** The only host of multi-tenant Cloud, according to W&B. */
const MULTI_TENANT_HOST = 'api.wandb.ai'

/**
 * @param base a deployment's URL; that of the endpoint works too
 * @throws AuditError (usage) when it is not a plain URL of a server, or uses plain http to another machine
 */
export function apiAddress(base: string, dialect: Dialect | null, insecureHttp: boolean): ApiAddress {
  const url = URL.canParse(base) ? new URL(base) : null
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw usageError(
      'the address of W&B is not an http or https URL',
      'Use the URL at which you open W&B, for example --from https://acme.wandb.io.',
    )
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw usageError(
      'the address of W&B holds a login, a query or a fragment',
      'Give the URL alone; the key belongs in WANDB_API_KEY or ~/.netrc.',
    )
  }
  const loopback = isLoopback(url.hostname)
  if (url.protocol === 'http:' && !insecureHttp && !loopback) {
    throw usageError(
      `plain http to ${url.host} would send the API key unencrypted`,
      'Use https, or --insecure-http if you accept that.',
    )
  }
  const multiTenant = dialect === null ? url.hostname === MULTI_TENANT_HOST : dialect === 'multi-tenant'
  const path = multiTenant ? PATHS.multiTenant : PATHS.own
  const folder = url.pathname.replace(/\/+$/, '')
  const root = url.origin + (folder.endsWith(path) ? folder.slice(0, -path.length) : folder)
  return { base: root, endpoint: root + path, multiTenant, loopback }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
