/** What a webhook gets of findings: JSON for programs, or messages of Slack. All values of events are data in both. */

import { escaped } from '../errors.js'
import type { Finding } from './detect.js'

export type WebhookForm = 'json' | 'slack'

/** One of Slack's own addresses; Mattermost and others take its form too. */
export const isSlack = (address: string): boolean =>
  URL.canParse(address) && /(?:^|\.)slack(?:-gov)?\.com$/.test(new URL(address).hostname)

const FINDINGS_A_POST = 100
/** Blocks of together about 13,000 characters are refused, without that being documented. */
const FINDINGS_A_MESSAGE = 12
const LONGEST_VALUE = 100
/** Whoever gets more does not read them. */
const MOST_MESSAGES = 5

/** @param sink where the findings are, for the reader */
export const messages = (form: WebhookForm, sink: string, findings: readonly Finding[]): readonly object[] =>
  form === 'json' ? documents(sink, findings) : slackMessages(sink, findings)

const documents = (sink: string, findings: readonly Finding[]): readonly object[] =>
  chunks(findings, FINDINGS_A_POST).map((each) => ({ application: 'wandb-audit', sink, findings: each }))

/**
 * Values stand in plain text only, in which Slack makes no links and no mentions.
 * https://docs.slack.dev/reference/block-kit/composition-objects/text-object
 */
function slackMessages(sink: string, findings: readonly Finding[]): readonly object[] {
  const parts = chunks(findings, FINDINGS_A_MESSAGE).slice(0, MOST_MESSAGES)
  const left = findings.length - parts.flat().length
  const count = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`
  return parts.map((each, i) => {
    const rest = left > 0 && i === parts.length - 1 ? [`${left} more: run wandb-audit check --all`] : []
    return {
      text: `wandb-audit: ${count}`,
      unfurl_links: false,
      unfurl_media: false,
      blocks: [`wandb-audit: ${count} in ${value(sink)}`, ...each.map(inLines), ...rest].map((text) => ({
        type: 'section',
        text: { type: 'plain_text', text, emoji: false },
      })),
    }
  })
}

function inLines({ severity, title, what, at, ...finding }: Finding): string {
  const { actor, actor_email, address, entity, subject } = finding
  const named = Object.entries({ actor: actor_email ?? actor, address, entity, subject })
  const values = named.flatMap(([name, given]) => (given === null ? [] : [`${name}: ${value(given)}`]))
  return [`${severity.toUpperCase()} ${title}`, what, `since ${at}`, ...values].join('\n')
}

/** https://docs.slack.dev/messaging/formatting-message-text#escaping */
function value(text: string): string {
  const printable = escaped(text)
  const short = printable.length > LONGEST_VALUE ? `${printable.slice(0, LONGEST_VALUE)}…` : printable
  return short.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  const parts = []
  for (let at = 0; at < all.length; at += size) parts.push(all.slice(at, at + size))
  return parts
}
