/** What each exit code means: the help, docs/reference.md and docs/scheduling.md say it from here. */

import type { ExitCode } from '../src/errors.js'
import { table } from './markdown.js'

interface Explanation {
  /** In Markdown. */
  readonly meaning: string
  /** What a scheduler should do, in Markdown, with links from docs/. */
  readonly reaction: string
}

const EXIT_CODES: Readonly<Record<ExitCode, Explanation>> = {
  0: { meaning: 'done', reaction: 'nothing' },
  1: {
    meaning: 'failed; the message says what to do',
    reaction: 'run again at the next interval; alert after three failures in a row',
  },
  2: {
    meaning: 'wrong usage or settings; no key or login',
    reaction: 'alert at once: retrying does not help',
  },
  3: {
    meaning: 'done, with more rejects than `--max-rejects`',
    reaction: 'alert: the rest is loaded; see `wandb-audit rejects`',
  },
  4: {
    meaning:
      '`reconcile` found a difference between sources and sinks, `check` found something new, or a `status --fail-on` condition holds',
    reaction:
      'alert: the report names days, hours and rows ([reconcile](reconcile.md)), what was found ([detections](detections.md)), or the condition ([alerting](alerting.md#a-check))',
  },
  5: {
    meaning:
      '`verify` found something missing, extra or altered; `archive check` found an empty archive, or objects that can be deleted',
    reaction: 'alert at once: the report names days and kinds ([verify](verify.md))',
  },
  6: {
    meaning: 'done, except for objects in an archive tier, which nobody has restored',
    reaction:
      'alert once: restore them for a week and load; from then on they are known ([archived objects](buckets.md#archived-objects))',
  },
  130: {
    meaning: 'interrupted by SIGINT, SIGTERM or SIGHUP; uncommitted work is rolled back',
    reaction: 'nothing: the next run does the work',
  },
}

const EXPLANATIONS = Object.entries(EXIT_CODES)

/** For docs/reference.md: the codes and what they mean. */
export function exitCodeTable(): string {
  return table(
    ['code', 'meaning'],
    EXPLANATIONS.map(([code, { meaning }]) => [code, meaning]),
  )
}

/** For docs/scheduling.md: the same, and what a scheduler should do. */
export function reactionTable(): string {
  return table(
    ['code', 'meaning', 'what a scheduler should do'],
    EXPLANATIONS.map(([code, { meaning, reaction }]) => [code, meaning, reaction]),
  )
}

/** For the help: one line each, without Markdown. */
export function exitCodeLines(): string {
  return EXPLANATIONS.map(([code, { meaning }]) => `  ${code.padEnd(5)}${meaning.replaceAll('`', '')}\n`).join('')
}
