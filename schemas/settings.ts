/** The settings file, wandb-audit.yaml, and the environment variables of the same settings. */

import { z } from 'zod'
import type { Detection } from './detections/detection.js'
import { DETECTIONS } from './detections/index.js'
import { BYTES_PATTERN, DURATION_PATTERN } from './units.js'

export { parseBytes, parseDuration } from './units.js'

const address = z.string().min(1)
const addresses = z.union([address, z.array(address).min(1)])
const bytes = z.string().regex(BYTES_PATTERN, 'expected a size, for example 512MB or 1GiB')
const duration = z.string().regex(DURATION_PATTERN, 'expected a duration, for example 36h or 1d')

const rule = z.enum(['keep', 'drop', 'pseudonym']).optional()
const keepOrDrop = z.enum(['keep', 'drop']).optional()

/** What a sink gets of each column that may name a person; see docs/privacy.md. */
export const privacy = z.strictObject({
  actor_email: rule,
  user_email: rule,
  entity_name: rule,
  project_name: rule,
  report_name: rule,
  artifact_digest: rule,
  artifact_qualified_name: rule,
  actor_ip: z.enum(['keep', 'drop', 'pseudonym', 'truncate']).optional(),
  extra: keepOrDrop,
  rejects: keepOrDrop,
})

export type PrivacySettings = z.infer<typeof privacy>

/** The parameters of one detection, none of them required. */
function parametersOf({ parameters }: Detection) {
  const optional = Object.entries(parameters.shape).map(([name, field]) => {
    const { description = '' } = z.globalRegistry.get(field) ?? {}
    return [name, (field as z.ZodDefault<z.ZodType>).unwrap().optional().describe(description)] as const
  })
  const shape: Record<string, z.ZodType> = { enabled: z.boolean().optional(), ...Object.fromEntries(optional) }
  return z.strictObject(shape).optional()
}

const detections = z.strictObject(
  Object.fromEntries(DETECTIONS.map((detection) => [detection.id, parametersOf(detection)])),
)

export const settings = z
  .strictObject({
    from: addresses.optional().describe('Where documents come from: one source address or a list of them.'),
    to: addresses.optional().describe('Where events go: one sink address or a list of them.'),
    archive: address
      .optional()
      .describe('Where every document is kept as it came before it is loaded: a bucket or a folder.'),
    retain: duration
      .regex(/[1-9]/, 'expected more than zero')
      .optional()
      .describe('For how long nobody may delete what is archived, for example 6y; the bucket must permit locks.'),
    sign_key: z
      .string()
      .min(1)
      .optional()
      .describe('The PEM file with the Ed25519 key that signs the seals of the archive.'),
    anchor: address
      .optional()
      .describe('Where the hash of each new seal is stated once more: an https webhook, a bucket or a folder.'),
    metrics: z
      .string()
      .min(1)
      .optional()
      .describe('The file for metrics of each load, for the Prometheus textfile collector.'),
    ping: z
      .string()
      .min(1)
      .optional()
      .describe('The https URL to request after a successful load, and with /fail appended after a failed one.'),
    privacy: privacy
      .optional()
      .describe(
        'What sinks get of names and addresses, by column: keep, drop, pseudonym, or for actor_ip truncate. The key of pseudonyms is never a setting.',
      ),
    detections: detections
      .optional()
      .describe('What each detection of `check` considers unusual; `enabled: false` turns one off.'),
    webhook: address.optional().describe('Where `check` posts new findings: an https URL, which is a secret.'),
    webhook_form: z
      .enum(['json', 'slack'])
      .optional()
      .describe(
        'The format of posts: JSON for programs, or Slack messages; by default slack for Slack URLs, otherwise json.',
      ),
    memory: bytes.optional().describe('How much memory a run may use, for example 1GB or 512MiB.'),
    spool: z.string().min(1).optional().describe("The folder for temporary files; by default the user's cache folder."),
    max_document_bytes: bytes
      .optional()
      .describe('The maximum size of a document, compressed and uncompressed; a larger one is refused.'),
    document_timeout: duration
      .regex(/[1-9]/, 'expected more than zero')
      .optional()
      .describe('How long a document may take to arrive; a slower one is refused.'),
    max_rejects: z
      .int()
      .min(0)
      .optional()
      .describe(
        'How many rejects a run may have before it exits with 3, and a document of mostly rejects before it is refused.',
      ),
    log_format: z
      .enum(['text', 'json'])
      .optional()
      .describe('How log lines are written: text for people, json for machines.'),
    quiet: z.boolean().optional().describe('Whether to omit progress and write only what needs attention.'),
    username: z.string().min(1).optional().describe('API: the W&B user that the API key belongs to.'),
    anonymize: z.boolean().optional().describe('API: whether to request events without e-mail addresses and names.'),
    api: z
      .enum(['classic', 'between', 'current', 'multi-tenant'])
      .optional()
      .describe('API: the dialect of the server, if it cannot be detected from the address.'),
    overlap: duration
      .optional()
      .describe('API: how late an event may become known and still be found, for example 1d or 36h.'),
    insecure_http: z.boolean().optional().describe('API: whether to send the API key over plain HTTP.'),
    concurrency: z.int().min(1).max(64).optional().describe('Buckets: how many objects to read at once.'),
    follow_links: z.boolean().optional().describe('Files: whether links may lead out of the folder that is read.'),
    every: duration
      .regex(/[1-9]/, 'expected more than zero')
      .optional()
      .describe('Keep running and load again at this interval, for example 10m.'),
  })
  .meta({
    title: 'wandb-audit settings',
    description:
      'The settings file wandb-audit.yaml. It holds no keys: the W&B API key stays in the environment (WANDB_API_KEY) ' +
      "or in ~/.netrc, and warehouse or bucket credentials stay where the vendor's own tools keep them.",
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
