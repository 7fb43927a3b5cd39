/** The settings file, wandb-audit.yaml, and the environment variables of the same settings. */

import { z } from 'zod'
import { BYTES_PATTERN, DURATION_PATTERN } from './units.js'

export { parseBytes, parseDuration } from './units.js'

const address = z.string().min(1)
const addresses = z.union([address, z.array(address).min(1)])
const bytes = z.string().regex(BYTES_PATTERN, 'expected a size, for example 512MB or 1GiB')
const duration = z.string().regex(DURATION_PATTERN, 'expected a duration, for example 36h or 1d')

export const settings = z
  .strictObject({
    from: addresses.optional().describe('Where documents come from: one source address or a list of them.'),
    to: addresses.optional().describe('Where events go: one sink address or a list of them.'),
    memory: bytes.optional().describe('How much memory the engine may use, for example 1GB or 512MiB.'),
    spool: z
      .string()
      .min(1)
      .optional()
      .describe("The folder for temporary files; the user's cache folder when absent."),
    max_document_bytes: bytes
      .optional()
      .describe('How large a document may be, as it arrives and unpacked; a larger one is refused.'),
    document_timeout: duration
      .regex(/[1-9]/, 'expected more than zero')
      .optional()
      .describe('How long a document may take to arrive; one that takes longer is refused.'),
    max_rejects: z
      .int()
      .min(0)
      .optional()
      .describe(
        'How many rejects a run may have before it exits with 3, and a document that has little else before it is refused.',
      ),
    log_format: z
      .enum(['text', 'json'])
      .optional()
      .describe('How log lines are written: text for people, json for machines.'),
    quiet: z.boolean().optional().describe('Whether to leave out progress and write only what needs attention.'),
    username: z.string().min(1).optional().describe('API: the W&B user the API key belongs to.'),
    anonymize: z.boolean().optional().describe('API: whether to ask for events without e-mail addresses and names.'),
    api: z
      .enum(['classic', 'current', 'multi-tenant'])
      .optional()
      .describe('API: the dialect the server speaks, where it cannot be told from the address.'),
    overlap: duration
      .optional()
      .describe('API: how far each run reaches back before the last one, for example 1d or 36h.'),
    insecure_http: z.boolean().optional().describe('API: whether to send the API key over plain HTTP.'),
    concurrency: z.int().min(1).max(64).optional().describe('Buckets: how many objects are read at once.'),
    follow_links: z.boolean().optional().describe('Files: whether links may lead out of the folder that is read.'),
    every: duration
      .regex(/[1-9]/, 'expected more than zero')
      .optional()
      .describe('Keep running and load again after this long, for example 10m.'),
  })
  .meta({
    title: 'wandb-audit settings',
    description:
      'The settings file wandb-audit.yaml. Secrets have no place in it: the API key stays in the environment ' +
      '(WANDB_API_KEY) or in ~/.netrc, credentials of a warehouse or bucket where the tools of its vendor keep them.',
  })

export type Settings = z.infer<typeof settings>

interface SettingVariable {
  readonly variable: string
  readonly description: string
}

/** Each setting's environment variable, in the order of the settings. */
export const SETTING_VARIABLES = Object.fromEntries(
  Object.entries(settings.shape).map(([name, field]) => [
    name,
    { variable: `WANDB_AUDIT_${name.toUpperCase()}`, description: field.description ?? '' },
  ]),
) as Readonly<Record<keyof Settings, SettingVariable>>
