/** Posts findings to a webhook, so that no value of an event keeps the rest from arriving. */

import { AuditError, EXIT } from '../errors.js'
import type { Finding } from './detect.js'
import { message, type Part, parts, type WebhookForm } from './messages.js'

interface Delivery {
  readonly form: WebhookForm
  /** Where the findings are. */
  readonly sink: string
  /** @throws AuditError when it is not certain that the webhook has taken it; `outside` when the body cannot be the cause */
  post(body: object): Promise<void>
  /** Called after each request that was taken, with all findings that need not be posted again. */
  onTaken(findings: readonly Finding[]): Promise<void>
}

/**
 * A request that is refused is split, down to single findings; one that is refused by itself goes without the values of its events.
 *
 * @throws AuditError when the webhook refuses even that; what `onTaken` throws
 */
export async function deliver(findings: readonly Finding[], delivery: Delivery): Promise<void> {
  const { onTaken } = delivery
  let delivered = 0
  for (const part of parts(delivery.form, findings)) {
    await deliverPart(part, delivery)
    delivered += part.findings.length
    if (part.left > 0) await onTaken(findings.slice(delivered))
  }
}

async function deliverPart(part: Part, delivery: Delivery): Promise<void> {
  const { form, sink, post, onTaken } = delivery
  const { findings } = part
  const refused = await post(message(form, sink, part)).then(() => null, refusal)
  if (refused === null) return onTaken(findings)
  // The server may fail because of a value: one more try without values tells; splitting would retry each part.
  if (findings.length === 1 || refused.outside) {
    await post(message(form, sink, { ...part, findings: findings.map(withoutValues) }))
    return onTaken(findings)
  }
  const middle = findings.length >> 1
  await deliverPart({ ...part, findings: findings.slice(0, middle), left: 0 }, delivery)
  await deliverPart({ ...part, findings: findings.slice(middle) }, delivery)
}

function refusal(error: unknown): AuditError {
  if (!(error instanceof AuditError) || error.exitCode === EXIT.interrupted) throw error
  return error
}

const withoutValues = (finding: Finding): Finding => ({
  ...finding,
  ...{ actor: null, actor_email: null, address: null, entity: null, subject: null },
  what: `${finding.what} The webhook refused the message that had names and addresses: run wandb-audit check --all.`,
})
