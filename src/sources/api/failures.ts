/** What can go wrong between this machine and W&B, and what to do about it. */

import { sharedFailure } from '../../connections.js'
import { AuditError, type ErrorDetails, printable, usageError } from '../../errors.js'
import type { ApiAddress } from './address.js'

const SEVERAL_ORGANIZATIONS = 'multiple organizations but no valid org ID'

/** How much of an answer's body is inspected; enough for every text that is looked for. */
export const HEAD_BYTES = 16 * 1024

/** W&B refuses a request. */
export class StatusFailure extends AuditError {
  readonly status: number

  constructor(status: number, message: string, details: ErrorDetails) {
    super(message, details)
    this.status = status
  }
}

/** The error for a status other than 200. The body is inspected but never quoted, because it may contain anything. */
export function statusFailure(address: ApiAddress, status: number, body: string): AuditError {
  const message = `${address.endpoint} answered ${status}`
  if (body.includes(SEVERAL_ORGANIZATIONS)) return severalOrganizations(address)
  if (status === 400 && /numDays/i.test(body)) {
    return new AuditError(`${message}: the range is too long for this server`, {
      advice: 'Ask for fewer days at once, with --days or a later --since; older logs are in the bucket.',
    })
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return new AuditError(message, {
      retryable: true,
      advice: 'W&B is busy or down; the next run continues where this one stopped.',
    })
  }
  const advice = adviceFor(address, status)
  return new StatusFailure(status, message, advice === undefined ? {} : { advice })
}

function adviceFor(address: ApiAddress, status: number): string | undefined {
  const { base, multiTenant } = address
  if (status === 401) {
    return `The API key is not accepted: check WANDB_API_KEY, or the entry for ${new URL(base).hostname} in ~/.netrc.`
  }
  if (status === 403) {
    return multiTenant
      ? 'Use the key of an admin of the organization; its plan must be Enterprise.'
      : 'Use the key of an instance admin (or organization admin); other users may not read audit logs.'
  }
  if (status === 404) {
    return multiTenant
      ? 'Only https://api.wandb.ai serves them, for Enterprise plans; for your own instance omit --api multi-tenant.'
      : 'Use the URL you open your W&B instance with, without a path; for multi-tenant Cloud that is https://api.wandb.ai.'
  }
  if (status === 204) return 'The answer is empty: check the URL, and that no proxy answers in place of W&B.'
  if (status < 300) return 'W&B itself does not answer like that: check the URL, and any proxy in between.'
  if (status === 407) return 'A proxy in between asks for a login.'
  return undefined
}

function severalOrganizations(address: ApiAddress): AuditError {
  return new AuditError(`${address.endpoint} cannot tell which organization is meant: the user is in several`, {
    advice: 'Set "Default API organization" in the W&B user settings, or use the key of a service account.',
  })
}

/** The error for a body in an encoding that was not requested. */
export function encodedFailure(address: ApiAddress, encoding: string): AuditError {
  return new AuditError(`${address.endpoint} answered with ${printable(encoding)}, which was not requested`, {
    advice: 'A proxy in between compresses answers although asked not to: turn that off for this address.',
  })
}

/** Returns an error for a 200 whose body does not begin like logs; otherwise null. */
export function contentFailure(address: ApiAddress, contentType: string, head: string): AuditError | null {
  const start = head.trimStart()
  // The sentence alone proves nothing, because clients choose some values of their events.
  const isEvents = start.includes('"timestamp"') || start.includes('"audit_logs"')
  if (!isEvents && start.includes(SEVERAL_ORGANIZATIONS)) return severalOrganizations(address)
  if (contentType.startsWith('text/html') || start.startsWith('<')) {
    return new AuditError(`${address.endpoint} answered with a web page where logs were expected`, {
      advice:
        'A login page or a proxy may answer in place of W&B: check the URL. The chart of a self-managed instance routes this path ' +
        'to the API only where global.api.additionalPaths.admin is true.',
    })
  }
  if (start === '' || start.startsWith('{') || start.startsWith('\uFEFF{')) return null
  const what = start.startsWith('[') ? 'a list, and no page of audit logs' : 'something other than JSON'
  return new AuditError(`${address.endpoint} answered with ${what}`, {
    advice: 'Check the URL, and that no proxy answers in place of W&B.',
  })
}

export function redirectFailure(address: ApiAddress, target: URL | null): AuditError {
  const where = target === null ? 'in circles' : `to ${target.origin}`
  return new AuditError(`${address.endpoint} redirects ${where}; the API key was not sent there`, {
    advice: 'If that is your W&B, name it with --from; if it is a login page, this machine needs direct access to W&B.',
  })
}

/** The error for a body that did not arrive whole. */
export function cutShort(address: ApiAddress, how: string): AuditError {
  return new AuditError(`the answer of ${address.endpoint} ${how}; none of it was loaded`, {
    retryable: true,
    advice: 'The next run fetches it again.',
  })
}

const NETWORK: Readonly<Record<string, ErrorDetails & { readonly what: string }>> = {
  ENOTFOUND: { what: 'there is no host of that name', advice: 'Check the URL, and the DNS of this machine.' },
  EAI_AGAIN: { what: 'the name could not be looked up', advice: 'Check the DNS of this machine.', retryable: true },
  ECONNREFUSED: {
    what: 'the connection was refused',
    advice: 'Check host and port, and whether W&B is running.',
    retryable: true,
  },
  EHOSTUNREACH: { what: 'the host is unreachable', advice: 'Check network, VPN and firewall.', retryable: true },
  ENETUNREACH: { what: 'the network is unreachable', advice: 'Check network, VPN and firewall.', retryable: true },
  UND_ERR_CONNECT_TIMEOUT: {
    what: 'no connection in time',
    advice: 'Check network, VPN and firewall.',
    retryable: true,
  },
  // undici's code when a proxy answers CONNECT with anything but 200.
  UND_ERR_ABORTED: {
    what: 'the proxy made no connection',
    advice: 'Check HTTPS_PROXY, which may need a login as in http://USER:PASSWORD@HOST:PORT, and NO_PROXY.',
  },
  UND_ERR_SOCKET: {
    what: 'the server closed the connection',
    advice: 'Check port and http or https in the URL; if they are right, the next run fetches it again.',
    retryable: true,
  },
  UND_ERR_HEADERS_TIMEOUT: { what: 'no answer in time', advice: 'W&B is slow; run it again.', retryable: true },
  UND_ERR_BODY_TIMEOUT: { what: 'the answer stopped arriving', advice: 'W&B is slow; run it again.', retryable: true },
}

/** The error for a connection that failed before or during an answer. */
export function networkFailure(address: ApiAddress, error: unknown): AuditError {
  const origin = originOf(error)
  const code = codeOf(origin)
  const { what, ...details } = sharedFailure(origin) ??
    NETWORK[code] ?? {
      what: `the connection broke (${code})`,
      advice: 'The next run fetches it again.',
      retryable: true,
    }
  return new AuditError(`${new URL(address.base).host}: ${what}`, { ...details, ...causeOf(error) })
}

/** Drops a parser's error as the cause: it contains what could not be parsed, which may be records. */
const causeOf = (error: unknown): ErrorDetails => (error instanceof Error && !('data' in error) ? { cause: error } : {})

/** undici wraps the system's error, and Node collects one error for each of a host's addresses. */
function originOf(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return originOf(error.errors[0])
  return error instanceof Error && error.cause instanceof Error ? originOf(error.cause) : error
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && error.code !== undefined ? String(error.code) : error.name
}

/** The error when the operator names another dialect than the server speaks. */
export function wrongDialect(address: ApiAddress, named: string, spoken: string): AuditError {
  return usageError(`${address.endpoint} speaks ${spoken}, not ${named}`, `Omit --api, or use --api ${spoken}.`)
}
