/** Findings as a webhook gets them: JSON, or Slack messages. Values from events are only ever data. */

import { escaped } from '../errors.js'
import type { Finding } from './detect.js'

export type WebhookForm = 'json' | 'slack'

/** One of Slack's own addresses; Mattermost and others take its form too. */
export const isSlack = (address: string): boolean =>
  URL.canParse(address) && /(?:^|\.)slack(?:-gov)?\.com$/.test(new URL(address).hostname)

/** Limits on a request, and on their number: nobody reads more. */
interface Bounds {
  readonly findings: number
  readonly bytes: number
  readonly posts: number
}

const BOUNDS: Readonly<Record<WebhookForm, Bounds>> = {
  json: { findings: 100, bytes: 250_000, posts: 20 },
  /** Slack refuses blocks of more than about 13,000 characters in total; undocumented. */
  slack: { findings: 12, bytes: 10_000, posts: 5 },
}

/** Longest value in a message for people, once escaped. */
const LONGEST_VALUE = 100

/** Some of all findings of a check. */
export interface Part {
  readonly findings: readonly Finding[]
  /** How many findings the check has. */
  readonly of: number
  /** Findings that no message shows; the last message says how many. */
  readonly left: number
}

/** Parts that each fit into one request, in order. */
export function parts(form: WebhookForm, findings: readonly Finding[]): readonly Part[] {
  const most = BOUNDS[form]
  const filled: Finding[][] = []
  let bytes = 0
  for (const finding of findings) {
    const size = Buffer.byteLength(JSON.stringify(form === 'json' ? finding : inLines(finding)))
    const last = filled.at(-1)
    if (last !== undefined && last.length < most.findings && bytes + size <= most.bytes) last.push(finding)
    else if (filled.length === most.posts) break
    else filled.push([finding])
    bytes = filled.at(-1)?.length === 1 ? size : bytes + size
  }
  const left = findings.length - filled.flat().length
  return filled.map((each, i) => ({
    findings: each,
    of: findings.length,
    left: i === filled.length - 1 ? left : 0,
  }))
}

/** The body of a request. @param sink where the findings are, for the reader */
export const message = (form: WebhookForm, sink: string, part: Part): object =>
  form === 'json' ? document(sink, part) : slackMessage(sink, part)

const document = (sink: string, { findings, left }: Part): object => ({
  application: 'wandb-audit',
  sink,
  findings,
  ...(left === 0 ? {} : { more: left }),
})

/**
 * Values stand in plain text only, in which Slack makes no links and no mentions.
 * https://docs.slack.dev/reference/block-kit/composition-objects/text-object
 */
function slackMessage(sink: string, { findings, of, left }: Part): object {
  const count = `${of} ${of === 1 ? 'finding' : 'findings'}`
  const rest = left > 0 ? [`${left} more: run wandb-audit check --all`] : []
  return {
    text: `wandb-audit: ${count}`,
    unfurl_links: false,
    unfurl_media: false,
    blocks: [`wandb-audit: ${count} in ${value(sink)}`, ...findings.map(inLines), ...rest].map((text) => ({
      type: 'section',
      text: { type: 'plain_text', text, emoji: false },
    })),
  }
}

function inLines({ severity, title, what, at, ...finding }: Finding): string {
  const { actor, actor_email, address, entity, subject } = finding
  const named = Object.entries({ actor: actor_email ?? actor, address, entity, subject })
  const values = named.flatMap(([name, given]) => (given === null ? [] : [`${name}: ${value(given)}`]))
  return [`${severity.toUpperCase()} ${title}`, what, `since ${at}`, ...values].join('\n')
}

/** Shortened between characters, so that no half of one is left. */
function value(text: string): string {
  let short = ''
  for (const character of text) {
    const written = inSlack(escaped(character))
    if (short.length + written.length > LONGEST_VALUE) return `${short}…`
    short += written
  }
  return short
}

/** https://docs.slack.dev/messaging/formatting-message-text#escaping */
const inSlack = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
